package book

// Touched is what changed of a framework since it was asked last: what is listed was entered, changed or taken out.
// Whoever keeps a picture of the book brings that up to date with it, at the cost of what has changed.
type Touched struct {
	All       bool // everything may have changed: nobody has asked before, or not for so long that it is too much to list
	Past      bool // the completed or the unreachable tasks
	Tasks     []*Task
	Executors []*Executor
	Offers    []*Offer
}

// Touched returns what changed since it was called last. There is one caller.
func (f *Framework) Touched() Touched {
	touched := f.touched
	for _, t := range touched.Tasks {
		t.touched = false
	}
	f.touched = Touched{}
	return touched
}

// many is how long the lists may get beyond what there is; listing more costs more than looking at everything.
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

// touch notes that the facts of t change, and with them perhaps what is used on its agent.
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
