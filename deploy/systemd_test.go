package deploy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/unit"
)

// directives are those of systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.kill(5) and systemd.resource-control(5) that a service such
// as this one has use for: a word that is none of them is ignored by systemd, with a warning in a log.
var directives = map[string]string{
	"Unit": `Description Documentation Wants Requires After Before StartLimitIntervalSec StartLimitBurst`,
	"Service": `Type ExecStart ExecStartPre ExecReload Environment EnvironmentFile LoadCredential LoadCredentialEncrypted Restart RestartSec
		RestartPreventExitStatus TimeoutStartSec TimeoutStopSec DynamicUser User Group StateDirectory StateDirectoryMode CacheDirectory CacheDirectoryMode
		UMask ProtectSystem ProtectHome PrivateTmp PrivateDevices PrivateUsers ProtectClock ProtectControlGroups ProtectHostname ProtectKernelLogs
		ProtectKernelModules ProtectKernelTunables ProtectProc NoNewPrivileges CapabilityBoundingSet AmbientCapabilities LockPersonality
		RestrictAddressFamilies RestrictNamespaces RestrictRealtime RestrictSUIDSGID RemoveIPC SystemCallArchitectures SystemCallFilter
		SystemCallErrorNumber MemoryDenyWriteExecute MemoryMax MemoryHigh MemorySwapMax TasksMax CPUQuota LimitNOFILE LimitCORE`,
	"Install": `WantedBy`,
}

func TestSystemd(t *testing.T) {
	sections, err := unit.DeserializeSections(strings.NewReader(read(t, "systemd/charthand.service")))
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]string{}
	for _, section := range sections {
		known, is := directives[section.Section]
		if !is {
			t.Errorf("there is no section %s", section.Section)
		}
		for _, entry := range section.Entries {
			if !strings.Contains(" "+strings.Join(strings.Fields(known), " ")+" ", " "+entry.Name+" ") {
				t.Errorf("[%s] %s is no directive that this test knows", section.Section, entry.Name)
			}
			set[entry.Name] = entry.Value
		}
	}
	command := strings.Fields(set["ExecStart"])
	checkServe(t, command[1:])
	args := map[string]string{}
	for i := 2; i+1 < len(command); i += 2 {
		args[command[i]] = command[i+1]
	}
	if want := "/var/lib/" + set["StateDirectory"]; args["--data"] != want {
		t.Errorf("the data is in %s, which the service cannot write; want %s", args["--data"], want)
	}
	drain, err := time.ParseDuration(args["--drain"])
	if err != nil {
		t.Fatal(err)
	}
	stop, err := time.ParseDuration(set["TimeoutStopSec"])
	if err != nil {
		t.Fatal(err)
	}
	if stop <= drain {
		t.Errorf("the service has %s to end, and may need longer than %s", stop, drain)
	}
	credential, _, _ := strings.Cut(set["LoadCredential"], ":")
	checkSettings(t, read(t, "systemd/site.yaml"), map[string]string{"/run/credentials/charthand.service/" + credential: keys})
}
