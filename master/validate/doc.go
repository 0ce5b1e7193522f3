// Package validate decides what the master accepts from schedulers and agents.
//
// Every function is pure and returns nil, or what is wrong, in the words of Mesos, which frameworks' authors read in a
// TASK_ERROR or a FrameworkErrorMessage and some frameworks look for. Of several problems the one is returned that Mesos
// finds first. Mesos: src/master/validation.cpp and src/common/validation.cpp.
package validate
