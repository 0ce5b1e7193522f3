// Package protocol defines the data that the MapReduce framework and its task trackers exchange in Mesos's messages:
// the data of tasks, status updates and framework messages. All of it is JSON.
package protocol

import (
	"encoding/json"
	"fmt"

	"meseta/cmd/mesos-mapreduce/mapreduce/input"
	"meseta/cmd/mesos-mapreduce/mapreduce/job"
	"meseta/cmd/mesos-mapreduce/mapreduce/jobtracker"
)

// Task is the content of TaskInfo.data. Exactly one of Map and Reduce is set.
type Task struct {
	Job    int      `json:"job"`
	Spec   job.Spec `json:"spec"`
	Index  int      `json:"index"`
	Number int      `json:"number"` // of the attempt
	Map    *Map     `json:"map,omitempty"`
	Reduce *Reduce  `json:"reduce,omitempty"`
}

// Map reads a split and writes one run for each reduce.
type Map struct {
	Split   input.Split `json:"split"`
	Reduces int         `json:"reduces"`
}

// Reduce fetches its run of every map and writes the result.
type Reduce struct {
	Maps   int    `json:"maps"`
	Output string `json:"output"` // the file to write
}

// Report is the content of TaskStatus.data of a task that finished.
type Report struct {
	URL     string `json:"url,omitempty"` // of a map: where its runs are served
	In      int64  `json:"in"`            // bytes read from the input, or fetched
	Out     int64  `json:"out"`           // bytes written
	Records int64  `json:"records"`       // lines read, or keys written
	Millis  int64  `json:"millis"`        // from launch to end
}

// Request is a message of a task tracker to the framework.
type Request struct {
	// Job and Since ask for the outputs of a job's maps from number Since on.
	Job   int `json:"job"`
	Since int `json:"since"`
	// Lost lists outputs that could not be fetched.
	Lost []jobtracker.Output `json:"lost,omitempty"`
}

// Outputs is a message of the framework to a task tracker with the outputs of a job's maps from number Since on.
type Outputs struct {
	Job     int                 `json:"job"`
	Since   int                 `json:"since"`
	Outputs []jobtracker.Output `json:"outputs"`
}

// Encode encodes any of the types above.
func Encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // these types can always be encoded
	}
	return b
}

// Decode is the inverse of Encode.
func Decode[T any](b []byte) (T, error) {
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		return v, fmt.Errorf("read %T: %w", v, err)
	}
	return v, nil
}
