package book

// Touched lists what changed in a framework since the previous call of [Framework.Touched]: everything listed was
// added, changed or removed. With it, a picture of the book can be updated at the cost of what changed.
type Touched struct {
	All       bool // everything may have changed, because this is the first call or the list would be too long
	Past      bool // the completed or the unreachable tasks changed
	Tasks     []*Task
	Executors []*Executor
	Offers    []*Offer
}

// Touched returns what changed since the previous call. It must have one caller only.
func (f *Framework) Touched() Touched {
	touched := f.touched
	for _, t := range touched.Tasks {
		t.touched = false
	}
	f.touched = Touched{}
	return touched
}

// many bounds the length of the lists beyond the number of elements that exist. Longer lists would cost more than a
// look at everything.
const many = 1024

func (f *Framework) touchTask(t *Task) {
	if f.touched.All || t.touched {
		return
	}
	if len(f.touched.Tasks) > len(f.tasks)+many {
		f.touchAll()
		return
	}
	t.touched = true
	f.touched.Tasks = append(f.touched.Tasks, t)
}

func (f *Framework) touchAll() {
	f.Touched()
	f.touched.All = true
}

// touch records that the facts of t change, and possibly what is used on its agent.
func (t *Task) touch() {
	switch {
	case t.agent != nil:
		t.framework.touchTask(t)
		t.agent.revision++
	case t.framework != nil:
		t.framework.touched.Past = true
	}
}

func touchExecutor(f *Framework, a *Agent, e *Executor) {
	a.revision++
	switch {
	case f.touched.All:
	case len(f.touched.Executors) > many:
		f.touchAll()
	default:
		f.touched.Executors = append(f.touched.Executors, e)
	}
}

func touchOffer(f *Framework, a *Agent, o *Offer) {
	a.revision++
	switch {
	case f.touched.All:
	case len(f.touched.Offers) > len(f.offers)+many:
		f.touchAll()
	default:
		f.touched.Offers = append(f.touched.Offers, o)
	}
}
