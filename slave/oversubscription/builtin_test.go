package oversubscription_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/actors/modules"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/modulepb"
	"meseta/slave/oversubscription"
)

func chosen(t *testing.T, name string, parameters ...string) *modules.Set {
	t.Helper()
	c, s := &modules.Catalogue{}, &modules.Set{}
	oversubscription.AddModules(c, func() (oversubscription.Load, error) { return oversubscription.Load{}, nil })
	m := &modulepb.Modules_Library_Module{Name: proto.String(name)}
	for i := 0; i < len(parameters); i += 2 {
		m.Parameters = append(m.Parameters, &mesospb.Parameter{Key: &parameters[i], Value: &parameters[i+1]})
	}
	library := &modulepb.Modules_Library{Name: proto.String("x"), Modules: []*modulepb.Modules_Library_Module{m}}
	if err := s.Load(c, &modulepb.Modules{Libraries: []*modulepb.Modules_Library{library}}); err != nil {
		t.Fatal(err)
	}
	return s
}

// Parameters that make no sense are refused with what would.
func TestParameters(t *testing.T) {
	t.Parallel()
	const fixed, load = "org_apache_mesos_FixedResourceEstimator", "org_apache_mesos_LoadQoSController"
	for _, test := range []struct {
		name       string
		parameters []string
		want       string
	}{
		{fixed, []string{"resources", "cpus:4"}, ""},
		{fixed, nil, `module "` + fixed + `": parameter resources is missing; it says what may be lent, such as cpus:4;mem:1024`},
		{load, []string{"load_threshold_5min", "6"}, ""},
		{load, []string{"load_threshold_15min", "4.5", "color", "red"}, ""},
		{load, nil, `module "` + load + `": no load thresholds are configured; load_threshold_5min and load_threshold_15min are such`},
		{load, []string{"load_threshold_5min", "high"}, `module "` + load + `": parameter load_threshold_5min: "high" is not a number`},
		{load, []string{"load_threshold_5min", "0"}, ""},
		{load, []string{"load_threshold_5min", "nan"}, `module "` + load + `": parameter load_threshold_5min: "nan" is not a load, which is a number from 0`},
		{load, []string{"load_threshold_15min", "-1"}, `module "` + load + `": parameter load_threshold_15min: "-1" is not a load, which is a number from 0`},
		{load, []string{"load_threshold_5min", "inf"}, `module "` + load + `": parameter load_threshold_5min: "inf" is not a load, which is a number from 0`},
	} {
		s := chosen(t, test.name, test.parameters...)
		var err error
		if test.name == fixed {
			_, err = modules.Create[oversubscription.ResourceEstimator](s, test.name)
		} else {
			_, err = modules.Create[oversubscription.QoSController](s, test.name)
		}
		if test.want == "" && err != nil || test.want != "" && (err == nil || err.Error() != test.want) {
			t.Errorf("%s %q: %v, want %q", test.name, test.parameters, err, test.want)
		}
	}
}
