package mastertest

import "time"

// breath is the time in which messages are answered and new offers are made. No timer expires in it.
const breath = 50 * time.Millisecond
