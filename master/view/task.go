package view

import (
	"cmp"
	"iter"
	"slices"

	"meseta/master/book"
	"meseta/messages/endpoint"
	"meseta/messages/ids"
	"meseta/messages/jsonwriter"
)

// TaskQuery selects from the tasks, which are sorted by the time of their first status.
type TaskQuery struct {
	Framework *ids.Framework // nil means any
	Task      *ids.Task      // nil means any
	Offset    int            // negative means beyond all tasks
	Limit     int            // negative means no limit
	Ascending bool           // oldest first
}

// TasksText returns the body of /tasks.
//
// Mesos: Master::ReadOnlyHandler::tasks.
func (c *Cluster) TasksText(q TaskQuery) iter.Seq[[]byte] {
	return jsonwriter.Text(func(o object) {
		o.List("tasks", func(a array) { writeTasks(a, c.selected(q)) })
	})
}

func (c *Cluster) selected(q TaskQuery) []*book.Facts {
	var found []*book.Facts
	for _, frameworks := range [][]*Framework{c.Frameworks, c.Completed} {
		for _, f := range frameworks {
			if q.Framework != nil && f.ID != *q.Framework {
				continue
			}
			for t := range f.All() {
				if q.Task == nil || t.ID == *q.Task {
					found = append(found, t)
				}
			}
		}
	}
	slices.SortStableFunc(found, func(a, b *book.Facts) int {
		if q.Ascending {
			return cmp.Compare(since(a), since(b))
		}
		return cmp.Compare(since(b), since(a))
	})
	if q.Offset < 0 {
		return nil
	}
	found = found[min(q.Offset, len(found)):]
	if q.Limit >= 0 && q.Limit < len(found) {
		return found[:q.Limit]
	}
	return found
}

// since returns the time of the first status. A task without a status sorts as the oldest.
func since(t *book.Facts) float64 {
	if len(t.Statuses) == 0 {
		return 0
	}
	return t.Statuses[0].GetTimestamp()
}

func writeTasks(a array, tasks []*book.Facts) {
	for _, t := range tasks {
		if !writeTask(a, t) {
			return
		}
	}
}

// writeTask writes a task and reports whether the reader wants more.
func writeTask(a array, t *book.Facts) bool {
	a.Obj(func(o object) {
		o.Remembered(&t.Memo, func(o object) {
			endpoint.Task{Described: t.Described, State: t.State, Statuses: t.Statuses, Resources: t.Resources}.Write(o)
		})
	})
	return !a.Stopped()
}
