package mastertest

import "time"

// breath is the time in which what was said is answered, and new offers are made at once; no timer falls into it.
const breath = 50 * time.Millisecond
