package deploy_test

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// manifest is everything in kubernetes/charthand.yaml.
type manifest struct {
	ConfigMap           core.ConfigMap
	Secret              core.Secret
	StatefulSet         apps.StatefulSet
	Service             core.Service
	PodDisruptionBudget policy.PodDisruptionBudget
	NetworkPolicy       networking.NetworkPolicy
}

// readManifest decodes every object strictly, as what its kind says it is.
func readManifest(t *testing.T) *manifest {
	t.Helper()
	in := &manifest{}
	kinds := map[string]any{
		"v1 ConfigMap": &in.ConfigMap, "v1 Secret": &in.Secret, "v1 Service": &in.Service, "apps/v1 StatefulSet": &in.StatefulSet,
		"policy/v1 PodDisruptionBudget": &in.PodDisruptionBudget, "networking.k8s.io/v1 NetworkPolicy": &in.NetworkPolicy,
	}
	for _, document := range documents(read(t, "kubernetes/charthand.yaml")) {
		var head struct {
			meta.TypeMeta `json:",inline"`
			Metadata      meta.ObjectMeta `json:"metadata"`
		}
		if err := yaml.Unmarshal(document, &head); err != nil {
			t.Fatal(err)
		}
		kind := head.APIVersion + " " + head.Kind
		object, known := kinds[kind]
		if !known {
			t.Fatalf("%s is a second one, or none that this test knows", kind)
		}
		delete(kinds, kind)
		// As the API server does where fields are validated strictly: every name has to be right to the letter.
		encoded, err := yaml.YAMLToJSONStrict(document)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		faults, err := json.UnmarshalStrict(encoded, object)
		for _, fault := range append(faults, err) {
			if fault != nil {
				t.Errorf("%s: %v", kind, fault)
			}
		}
		if head.Metadata.Name != "charthand" || head.Metadata.Namespace != "" {
			t.Errorf("%s is called %q in the namespace %q, not charthand in whichever it is applied to", kind, head.Metadata.Name, head.Metadata.Namespace)
		}
	}
	for kind := range kinds {
		t.Errorf("there is no %s", kind)
	}
	return in
}

// selects fails the test where a selector does not select the pod.
func (in *manifest) selects(t *testing.T, who string, selector *meta.LabelSelector) {
	t.Helper()
	s, err := meta.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatalf("%s: %v", who, err)
	}
	if pod := in.StatefulSet.Spec.Template.Labels; s.Empty() || !s.Matches(labels.Set(pod)) {
		t.Errorf("%s selects %v, the pod has %v", who, selector, pod)
	}
}

func TestKubernetesRefersToWhatThereIs(t *testing.T) {
	in := readManifest(t)
	in.selects(t, "StatefulSet", in.StatefulSet.Spec.Selector)
	in.selects(t, "Service", &meta.LabelSelector{MatchLabels: in.Service.Spec.Selector})
	in.selects(t, "PodDisruptionBudget", in.PodDisruptionBudget.Spec.Selector)
	in.selects(t, "NetworkPolicy", &in.NetworkPolicy.Spec.PodSelector)
	if in.StatefulSet.Spec.ServiceName != in.Service.Name {
		t.Errorf("the StatefulSet names the service %q", in.StatefulSet.Spec.ServiceName)
	}
	pod := in.StatefulSet.Spec.Template.Spec
	container := pod.Containers[0]
	ports := map[string]bool{}
	for _, port := range container.Ports {
		ports[port.Name] = true
	}
	used := map[string]intstr.IntOrString{
		"startupProbe": container.StartupProbe.HTTPGet.Port, "livenessProbe": container.LivenessProbe.HTTPGet.Port,
		"readinessProbe": container.ReadinessProbe.HTTPGet.Port, "Service": in.Service.Spec.Ports[0].TargetPort,
		"NetworkPolicy": *in.NetworkPolicy.Spec.Ingress[0].Ports[0].Port,
	}
	for who, port := range used {
		if !ports[port.StrVal] {
			t.Errorf("%s names the port %q, there are %v", who, port.String(), ports)
		}
	}
	volumes := map[string]bool{}
	for _, volume := range pod.Volumes {
		volumes[volume.Name] = true
		if from := volume.ConfigMap; from != nil && from.Name != in.ConfigMap.Name {
			t.Errorf("the volume %s is of the ConfigMap %q", volume.Name, from.Name)
		}
		if from := volume.Secret; from != nil && from.SecretName != in.Secret.Name {
			t.Errorf("the volume %s is of the Secret %q", volume.Name, from.SecretName)
		}
	}
	for _, claim := range in.StatefulSet.Spec.VolumeClaimTemplates {
		volumes[claim.Name] = true
	}
	for _, mount := range container.VolumeMounts {
		if !volumes[mount.Name] {
			t.Errorf("%s is mounted from the volume %q, there are %v", mount.MountPath, mount.Name, slices.Sorted(maps.Keys(volumes)))
		}
		if _, is := in.ConfigMap.Data[mount.SubPath]; mount.SubPath != "" && !is {
			t.Errorf("%s: there is no %s in the ConfigMap", mount.MountPath, mount.SubPath)
		}
		delete(volumes, mount.Name)
	}
	for name := range volumes {
		t.Errorf("the volume %s is mounted nowhere", name)
	}
}

func TestKubernetesPodMayDoLittle(t *testing.T) {
	in := readManifest(t)
	pod := in.StatefulSet.Spec.Template.Spec
	container := pod.Containers[0]
	if c := pod.SecurityContext; !*c.RunAsNonRoot || *c.RunAsUser != 10001 || c.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the pod runs as %+v", c)
	}
	if c := container.SecurityContext; *c.AllowPrivilegeEscalation || !*c.ReadOnlyRootFilesystem || !slices.Equal(c.Capabilities.Drop, []core.Capability{"ALL"}) || c.Capabilities.Add != nil {
		t.Errorf("the container runs as %+v", c)
	}
	if *pod.EnableServiceLinks || *pod.AutomountServiceAccountToken {
		t.Error("the pod gets variables of services, or a token of the cluster")
	}
}

func TestKubernetesProgram(t *testing.T) {
	in := readManifest(t)
	pod := in.StatefulSet.Spec.Template.Spec
	container := pod.Containers[0]
	if want := "charthand:" + version(t); container.Image != want {
		t.Errorf("the image is %s, want %s", container.Image, want)
	}
	checkServe(t, container.Args)
	for _, variable := range container.Env {
		if strings.HasPrefix(variable.Name, "CHARTHAND_") && !variables(t)[variable.Name] {
			t.Errorf("charthand reads no %s", variable.Name)
		}
	}
	args := map[string]string{}
	for _, arg := range container.Args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		args[name] = value
	}
	drain, err := time.ParseDuration(args["--drain"])
	if err != nil {
		t.Fatal(err)
	}
	if grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; grace <= drain+time.Duration(container.Lifecycle.PreStop.Sleep.Seconds)*time.Second {
		t.Errorf("the pod has %s to end, and may need longer", grace)
	}
	mounts := map[string]bool{}
	for _, mount := range container.VolumeMounts {
		mounts[mount.MountPath] = true
	}
	settings := in.ConfigMap.Data["site.yaml"]
	const keysFile = "/etc/charthand/secrets/keys"
	if secrets := path.Dir(keysFile); !mounts[args["--config"]] || !mounts[args["--data"]] || !mounts[secrets] || path.Dir(args["--secret-file"]) != secrets {
		t.Errorf("%v name what is not mounted: %v", container.Args, mounts)
	}
	if _, is := in.Secret.StringData[path.Base(args["--secret-file"])]; !is {
		t.Errorf("there is no %s in the Secret", args["--secret-file"])
	}
	checkSettings(t, settings, map[string]string{keysFile: keys})
	if said, ok := configCheck(t, settings, map[string]string{keysFile: in.Secret.StringData["keys"]}); ok {
		t.Errorf("the keys that everybody can read here are taken: %s", said)
	}
}
