package replicated

// ForgetFence is a mistake that a test makes on purpose.
func ForgetFence(m *Machine) { m.Unfenced = true }
