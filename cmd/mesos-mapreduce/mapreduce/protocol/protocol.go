// Package protocol is what the MapReduce framework and its task trackers say to each other inside Mesos's messages: the
// data of tasks, of status updates, and of framework messages. All of it is JSON.
package protocol

import (
	"encoding/json"
	"fmt"

	"meseta/cmd/mesos-mapreduce/mapreduce/input"
	"meseta/cmd/mesos-mapreduce/mapreduce/job"
	"meseta/cmd/mesos-mapreduce/mapreduce/jobtracker"
)

// Task is TaskInfo.data: what to do. Exactly one of Map and Reduce is set.
type Task struct {
	Job    int      `json:"job"`
	Spec   job.Spec `json:"spec"`
	Index  int      `json:"index"`
	Number int      `json:"number"` // of the attempt
	Map    *Map     `json:"map,omitempty"`
	Reduce *Reduce  `json:"reduce,omitempty"`
}

// Map reads a split and leaves one run for each reduce.
type Map struct {
	Split   input.Split `json:"split"`
	Reduces int         `json:"reduces"`
}

// Reduce fetches its run of every map and writes the result.
type Reduce struct {
	Maps   int    `json:"maps"`
	Output string `json:"output"` // the file to write
}

// Report is TaskStatus.data of a task that finished.
type Report struct {
	URL     string `json:"url,omitempty"` // of a map: where its runs are served
	In      int64  `json:"in"`            // bytes read from the input, or fetched
	Out     int64  `json:"out"`           // bytes written
	Records int64  `json:"records"`       // lines read, or keys written
	Millis  int64  `json:"millis"`        // from launch to end
}

// Request is what a task tracker asks the framework.
type Request struct {
	// Job and Since ask for the outputs of a job's maps, from the Since-th on.
	Job   int `json:"job"`
	Since int `json:"since"`
	// Lost names outputs that could not be fetched.
	Lost []jobtracker.Output `json:"lost,omitempty"`
}

// Outputs is what the framework tells a task tracker, asked or not: the outputs of a job's maps, from the Since-th on.
type Outputs struct {
	Job     int                 `json:"job"`
	Since   int                 `json:"since"`
	Outputs []jobtracker.Output `json:"outputs"`
}

// Encode writes any of the above.
func Encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // these types can be written
	}
	return b
}

// Decode reads what Encode wrote.
func Decode[T any](b []byte) (T, error) {
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		return v, fmt.Errorf("read %T: %w", v, err)
	}
	return v, nil
}
