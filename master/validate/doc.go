// Package validate decides what the master accepts from schedulers and agents.
//
// Every function is pure and returns nil, or what is wrong in words that a framework's author reads in a TASK_ERROR or
// a FrameworkErrorMessage. The first problem found is returned. Mesos: src/master/validation.cpp and
// src/common/validation.cpp.
package validate
