// Package recordings sends our daemons the requests that were recorded of Mesos's, and compares the answers: status,
// content type, and what of what type is in them. Its tests cover what every daemon has: metrics, files, logging, help,
// profiles, version and health.
package recordings
