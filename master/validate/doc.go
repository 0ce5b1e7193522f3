// Package validate decides what a master accepts from schedulers, agents and operators.
//
// Its functions are pure. They return nil or an error in Mesos's words, which authors of frameworks read in a
// TASK_ERROR or a FrameworkErrorMessage and which some frameworks parse. Of several problems they report the one that
// Mesos finds first.
//
// Mesos: src/master/validation.cpp and src/common/validation.cpp.
package validate
