package consensus

import "fmt"

// logger writes what Raft logs into the actor's log. What is information to Raft is so at every election and is logged
// for debugging.
type logger struct{ m *Member }

func (l logger) Debug(v ...any)                   { l.m.Log().Trace().Msg(fmt.Sprint(v...)) }
func (l logger) Debugf(format string, v ...any)   { l.m.Log().Trace().Msgf(format, v...) }
func (l logger) Info(v ...any)                    { l.m.Log().Debug().Msg(fmt.Sprint(v...)) }
func (l logger) Infof(format string, v ...any)    { l.m.Log().Debug().Msgf(format, v...) }
func (l logger) Warning(v ...any)                 { l.m.Log().Warn().Msg(fmt.Sprint(v...)) }
func (l logger) Warningf(format string, v ...any) { l.m.Log().Warn().Msgf(format, v...) }
func (l logger) Error(v ...any)                   { l.m.Log().Error().Msg(fmt.Sprint(v...)) }
func (l logger) Errorf(format string, v ...any)   { l.m.Log().Error().Msgf(format, v...) }

// The rest are broken invariants, of which Raft expects not to return.

func (l logger) Fatal(v ...any)                 { panic(fmt.Sprint(v...)) }
func (l logger) Fatalf(format string, v ...any) { panic(fmt.Sprintf(format, v...)) }
func (l logger) Panic(v ...any)                 { panic(fmt.Sprint(v...)) }
func (l logger) Panicf(format string, v ...any) { panic(fmt.Sprintf(format, v...)) }
