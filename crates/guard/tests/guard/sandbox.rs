//! Confinement, by the system's own means, in processes of their own: this test binary starts itself.
use std::path::Path;
use std::process::{Command, Output};

use moltbot_guard::sandbox::{Confinement, Finding, Limits, confine, try_out};

/// Set in a child: the plan, as JSON.
const PLAN: &str = "MOLTBOT_TEST_SANDBOX_PLAN";
/// Set in a child: what it does.
const DEED: &str = "MOLTBOT_TEST_SANDBOX_DEED";

/// The child's side. Without the variables it is no child, and there is nothing to do.
#[test]
fn child() {
    let (Ok(plan), Ok(deed)) = (std::env::var(PLAN), std::env::var(DEED)) else {
        return;
    };
    let plan: Confinement = serde_json::from_str(&plan).unwrap();
    if let Some(outside) = deed.strip_prefix("try ") {
        let findings = try_out(&plan, Path::new(outside)).unwrap().findings;
        println!("FINDINGS {}", serde_json::to_string(&findings).unwrap());
        return;
    }
    let enforced = confine(&plan).unwrap();
    println!("ENFORCED {}", serde_json::to_string(&enforced).unwrap());
    let output = Command::new("/bin/sh")
        .args(["-c", &deed])
        .output()
        .unwrap();
    println!("CODE {:?}", output.status.code());
    println!("OUT {}", String::from_utf8_lossy(&output.stdout));
    println!("ERR {}", String::from_utf8_lossy(&output.stderr));
}

fn in_child(plan: &Confinement, deed: &str) -> String {
    let output: Output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sandbox::child", "--nocapture"])
        .env(PLAN, serde_json::to_string(plan).unwrap())
        .env(DEED, deed)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

fn plan(workspace: &Path) -> Confinement {
    Confinement {
        readable: Vec::new(),
        writable: vec![workspace.to_owned()],
        network: false,
        limits: Limits::default(),
    }
}

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["work", "home"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        std::fs::write(dir.path().join("home/secret"), "canary").unwrap();
        std::os::unix::fs::symlink(dir.path().join("home"), dir.path().join("work/link")).unwrap();
        Self { dir }
    }

    fn work(&self) -> std::path::PathBuf {
        self.dir.path().join("work")
    }

    fn home(&self) -> std::path::PathBuf {
        self.dir.path().join("home")
    }
}

#[test]
fn what_is_not_granted_does_not_work() {
    let place = Place::new();
    for network in [false, true] {
        let plan = Confinement {
            network,
            ..plan(&place.work())
        };
        let text = in_child(&plan, &format!("try {}", place.home().display()));
        let line = text
            .lines()
            .find_map(|line| line.split_once("FINDINGS "))
            .unwrap()
            .1;
        let findings: Vec<Finding> = serde_json::from_str(line).unwrap();
        assert!(findings.len() >= 6);
        for finding in findings {
            assert!(finding.holds(), "{finding:?} with network {network}");
        }
    }
}

#[test]
fn a_shell_inside_sees_nothing_of_the_owner() {
    let place = Place::new();
    let home = place.home();
    let secret = home.join("secret");
    for deed in [
        format!("cat {}", secret.display()),
        format!("cat {}", place.work().join("link/secret").display()),
        format!("ls {}", home.display()),
        format!("echo x > {}", home.join("new").display()),
        format!("rm {}", secret.display()),
        format!("mv {} {}", secret.display(), place.work().display()),
        format!(
            "ln {} {}",
            secret.display(),
            place.work().join("hard").display()
        ),
        format!("cat /proc/{}/environ", std::process::id()),
        format!("cat /proc/{}/root{}", std::process::id(), secret.display()),
        format!("kill -TERM {}", std::process::id()),
    ] {
        let text = in_child(&plan(&place.work()), &deed);
        assert!(
            !text.contains("CODE Some(0)") && !text.contains("canary"),
            "{deed}: {text}"
        );
    }
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "canary");
    // What is granted works, and so do pipes between programs.
    let deed = format!(
        "cd {} && echo one > a && cat a | tr a-z A-Z",
        place.work().display()
    );
    let text = in_child(&plan(&place.work()), &deed);
    assert!(
        text.contains("CODE Some(0)") && text.contains("OUT ONE"),
        "{text}"
    );
}

#[test]
fn limits_hold_for_what_is_started() {
    let place = Place::new();
    let limited = Confinement {
        limits: Limits {
            file_size: Some(1000),
            cpu_seconds: Some(1),
            ..Limits::default()
        },
        ..plan(&place.work())
    };
    let deed = format!(
        "head -c 5000 /dev/zero > {}",
        place.work().join("big").display()
    );
    assert!(!in_child(&limited, &deed).contains("CODE Some(0)"));
    assert!(place.work().join("big").metadata().unwrap().len() <= 1000);
    let text = in_child(&limited, "while :; do :; done");
    assert!(!text.contains("CODE Some(0)"), "{text}");
}
