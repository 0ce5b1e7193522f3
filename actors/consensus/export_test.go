package consensus

// Mistakes that tests make on purpose.
var (
	AnswerEarly = func(m *Member) { m.options.Mistakes.AnswersEarly = true }
	ForgetVotes = func(m *Member) { m.options.Mistakes.ForgetsVotes = true }
)

// Term returns the term that m is in.
func Term(m *Member) uint64 { return m.raft.BasicStatus().GetTerm() }

// Votes reports whether m is a member that counts.
func Votes(m *Member) bool { return m.raft != nil && m.votes() }
