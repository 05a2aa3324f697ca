package deploy_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// readCompose loads compose.yaml as docker compose does: against the schema, with its variables, and with what has to fit together.
func readCompose(t *testing.T, environment ...string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"compose.yaml"}, cli.WithEnv(environment), cli.WithConsistency(true))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

func TestCompose(t *testing.T) {
	project, err := readCompose(t, "DATABASE_PASSWORD=x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readCompose(t); err == nil || !strings.Contains(err.Error(), "choose a password") {
		t.Errorf("without a password for the database: %v", err)
	}
	for name, service := range project.Services {
		if _, tag, _ := strings.Cut(service.Image, ":"); !regexp.MustCompile(`^v?\d+\.\d+`).MatchString(tag) {
			t.Errorf("%s: the image %s is not pinned", name, service.Image)
		}
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s: the port %s is published on %q", name, port.Published, port.HostIP)
			}
		}
		if name != "fhir" && service.HealthCheck == nil {
			t.Errorf("%s has no health check", name)
		}
		if len(service.Networks) == 0 || service.Networks["default"] != nil {
			t.Errorf("%s is in the networks %v", name, service.Networks)
		}
		for other, dependency := range service.DependsOn {
			if dependency.Condition == types.ServiceConditionHealthy && project.Services[other].HealthCheck == nil {
				t.Errorf("%s waits for the health of %s, which has no health check", name, other)
			}
		}
	}
}

// The images are of the versions that charthand's own tests run beside.
func TestComposeVersions(t *testing.T) {
	project, err := readCompose(t, "DATABASE_PASSWORD=x")
	if err != nil {
		t.Fatal(err)
	}
	pinned := func(file, pattern string) string {
		found := regexp.MustCompile(pattern).FindStringSubmatch(read(t, file))
		if found == nil {
			t.Fatalf("%s: there is no %s in it", file, pattern)
		}
		return found[1]
	}
	want := map[string]string{
		"charthand": "charthand:" + version(t),
		"fhir":      "hapiproject/hapi:v" + pinned("../partners/hapi/pom.xml", `<hapi.version>(.+)</hapi.version>`) + "-",
		"nats":      "nats:" + pinned("../go.mod", `nats-server/v2 v(\S+)`) + "-alpine",
	}
	for name, image := range want {
		if !strings.HasPrefix(project.Services[name].Image, image) {
			t.Errorf("%s is %s, want %s", name, project.Services[name].Image, image)
		}
	}
}

func TestComposeProgram(t *testing.T) {
	project, err := readCompose(t, "DATABASE_PASSWORD=x")
	if err != nil {
		t.Fatal(err)
	}
	service := project.Services["charthand"]
	checkServe(t, service.Command)
	known := variables(t)
	for name := range service.Environment {
		if !known[name] {
			t.Errorf("charthand reads no %s", name)
		}
	}
	mounts := map[string]bool{}
	for _, volume := range service.Volumes {
		mounts[volume.Target] = true
	}
	for _, secret := range service.Secrets {
		mounts["/run/secrets/"+secret.Source] = true
	}
	for _, name := range []string{"CHARTHAND_CONFIG", "CHARTHAND_SECRET_FILE", "CHARTHAND_ACCESS_KEYS_FILE"} {
		if value := service.Environment[name]; value == nil || !mounts[*value] {
			t.Errorf("%s does not name what is mounted: %v", name, mounts)
		}
	}
	if grace := time.Duration(*service.StopGracePeriod); grace <= 30*time.Second {
		t.Errorf("the container has %s to end, and may need longer", grace)
	}
	if !service.ReadOnly || !slices.Equal(service.CapDrop, []string{"ALL"}) || !slices.Contains(service.SecurityOpt, "no-new-privileges:true") {
		t.Error("the container may do more than it has to")
	}
	checkSettings(t, read(t, "compose/site.yaml"), nil)
}
