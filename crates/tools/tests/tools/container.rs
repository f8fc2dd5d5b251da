//! Commands in containers, with the Podman of this machine and an image that holds nothing but busybox. Where there is no
//! Podman that runs containers, these tests say so and prove nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use moltbot_agent::{ContainerSettings, SandboxSettings, Sandboxed, ToolOutput};
use moltbot_config::{Environment, load_text};
use moltbot_guard::sandbox::Trial;
use moltbot_tools::{ExecSettings, ExecTool, Folders, ProcessTable, Read, Write};
use serde_json::{Value, json};

use crate::call::text;
use crate::documents::documents;
use crate::exec::{Fifo, STUBBORN, Shell, all_gone};

/// The image of these tests.
const IMAGE: &str = "moltbot-test-busybox:latest";

/// A home whose sandboxes are containers, in a store of its own.
struct Yard {
    shell: Shell,
    store: tempfile::TempDir,
    variables: BTreeMap<String, String>,
}

impl Yard {
    /// `None` where this machine runs no containers.
    #[allow(clippy::print_stderr)]
    async fn new() -> Option<Self> {
        let shell = Shell::new().await;
        let store = tempfile::tempdir().unwrap();
        let yard = Self {
            variables: variables(store.path()),
            shell,
            store,
        };
        match yard.build_image() {
            Ok(()) => Some(yard),
            Err(reason) => {
                eprintln!("passed over: no containers on this machine ({reason})");
                None
            }
        }
    }

    /// An image of busybox alone, if this machine has what that takes, and runs it.
    fn build_image(&self) -> Result<(), String> {
        // Who is not root needs more of the machine than a test can bring along: a session, ranges of users.
        let is_root = self.store.path().metadata().unwrap().uid() == 0;
        if !is_root {
            return Err("they are tested as root alone".to_owned());
        }
        let busybox = find("busybox").ok_or("busybox is not installed")?;
        let root = self.store.path().join("image");
        for folder in ["bin", "tmp", "var/tmp", "run", "etc", "proc", "dev", "sys"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::copy(busybox, root.join("bin/busybox")).unwrap();
        for name in [
            "sh", "ls", "cat", "sleep", "grep", "id", "ps", "readlink", "touch", "env", "setsid",
        ] {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).unwrap();
        }
        let archive = self.store.path().join("image.tar");
        let packed = Command::new("tar")
            .arg("-C")
            .arg(&root)
            .arg("-cf")
            .arg(&archive)
            .arg(".")
            .status();
        assert!(packed.unwrap().success());
        self.podman(&["import", &archive.display().to_string(), IMAGE])?;
        let check = [
            "run",
            "--rm",
            "--network",
            "none",
            IMAGE,
            "/bin/sh",
            "-c",
            "true",
        ];
        self.podman(&check).map(|_| ())
    }

    /// What Podman prints; what it complains of where it fails.
    fn podman(&self, arguments: &[&str]) -> Result<String, String> {
        let run = Command::new("podman")
            .args(arguments)
            .env_clear()
            .envs(&self.variables)
            .output();
        let Output {
            status,
            stdout,
            stderr,
        } = run.map_err(|error| format!("podman: {error}"))?;
        match status.success() {
            true => Ok(String::from_utf8(stdout).unwrap().trim().to_owned()),
            false => Err(String::from_utf8_lossy(&stderr).trim().to_owned()),
        }
    }

    fn settings(&self, sandbox: Value) -> SandboxSettings {
        self.settings_of("main", sandbox)
    }

    fn settings_of(&self, agent: &str, sandbox: Value) -> SandboxSettings {
        let environment = Environment {
            home: self.home().to_owned(),
            vars: self.variables.clone(),
            ..Environment::default()
        };
        let mut all = json!({"mode": "all", "backend": "podman", "docker": {"image": IMAGE}});
        merge(&mut all, sandbox);
        let config = json!({"agents": {"defaults": {"sandbox": all}}}).to_string();
        let snapshot = load_text(&environment, &config).unwrap();
        SandboxSettings::from_snapshot(&snapshot, agent, "/bin/false".into())
    }

    /// The sandbox of the main conversation, with these keys beside those of the tests.
    fn sandbox(&self, sandbox: Value) -> Sandboxed {
        self.settings(sandbox).of("agent:main:main").unwrap()
    }

    fn home(&self) -> &Path {
        self.shell.stage.dir.path()
    }

    async fn exec(&self, sandbox: &Sandboxed, arguments: Value) -> ToolOutput {
        let exec = &self.shell.exec;
        let output = self.shell.stage.call_in(sandbox, exec, arguments).await;
        output.unwrap()
    }

    /// What the model is told of a command.
    async fn told(&self, sandbox: &Sandboxed, command: &str) -> String {
        text(&self.exec(sandbox, json!({"command": command})).await)
    }

    /// Why a command is refused.
    async fn refused(&self, sandbox: &Sandboxed, command: &str) -> String {
        let arguments = json!({"command": command});
        let exec = &self.shell.exec;
        let error = self.shell.stage.call_in(sandbox, exec, arguments).await;
        error.unwrap_err().to_string()
    }

    fn names(&self) -> Vec<String> {
        let names = self
            .podman(&["ps", "-a", "--format", "{{.Names}}"])
            .unwrap();
        names.lines().map(str::to_owned).collect()
    }

    fn id(&self, name: &str) -> String {
        let format = ["container", "inspect", "--format", "{{.Id}}", name];
        self.podman(&format).unwrap()
    }

    /// The last use of a container becomes this long ago.
    fn let_pass(&self, name: &str, gone: Duration) {
        let path = self
            .home()
            .join(format!(".clawdbot/containers/{name}.json"));
        let file = fs::File::options().append(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - gone).unwrap();
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        // Mounts must be gone before the folder can be removed.
        let _ = self.podman(&["rm", "-f", "-a", "-t", "0"]);
        let _ = self.podman(&["rmi", "-f", "-a"]);
    }
}

/// What Podman needs to keep everything in this folder, and to work where a test may not raise limits.
fn variables(store: &Path) -> BTreeMap<String, String> {
    let engine = store.join("containers.conf");
    let runtime = match find("runc") {
        Some(_) => "runtime = \"runc\"\n",
        None => "",
    };
    let conf = format!(
        "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n{runtime}[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n"
    );
    fs::write(&engine, conf).unwrap();
    let storage = store.join("storage.conf");
    let at = store.display();
    let conf = format!(
        "[storage]\ndriver = \"vfs\"\ngraphroot = \"{at}/graph\"\nrunroot = \"{at}/run\"\n"
    );
    fs::write(&storage, conf).unwrap();
    let mut variables: BTreeMap<String, String> = ["PATH", "HOME", "XDG_RUNTIME_DIR"]
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
        .collect();
    let own = [
        ("CONTAINERS_CONF", engine),
        ("CONTAINERS_STORAGE_CONF", storage),
    ];
    variables.extend(own.map(|(name, path)| (name.to_owned(), path.display().to_string())));
    variables
}

fn find(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

const NAME: &str = "moltbot-sbx-agent-main";

#[tokio::test]
async fn a_command_sees_and_changes_nothing_but_its_folder() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    fs::write(yard.home().join("secret.txt"), "canary-51c0").unwrap();
    let sandbox = yard.sandbox(json!({"docker": {"env": {"A": "from the owner"}}}));
    let home = yard.home().display().to_string();
    for refused in [
        format!("cat {home}/secret.txt"),
        "echo x > /new.txt".to_owned(),
        "echo x > /etc/new.txt".to_owned(),
    ] {
        let told = yard.told(&sandbox, &refused).await;
        assert!(told.contains("Command exited with code"), "{told}");
        assert!(!told.contains("canary"), "{told}");
    }
    // What is seen of the folders around its own is not this machine's.
    let around = format!("cd {home} && echo x > new.txt; ls -a {home} {home}/.clawdbot");
    let told = yard.told(&sandbox, &around).await;
    assert!(
        !told.contains("secret") && !told.contains("containers"),
        "{told}"
    );
    assert!(!yard.home().join("new.txt").exists());
    let routes = yard.told(&sandbox, "cat /proc/net/route").await;
    assert_eq!(routes.lines().count(), 1, "{routes}");
    // Paths are the same inside and outside, and the original's place leads there as well.
    let told = yard.told(&sandbox, "pwd; echo mine > made.txt; cat /workspace/made.txt; echo $HOME; echo tmp > $TMPDIR/t && echo $A");
    let own = sandbox.workspace.display();
    let home = sandbox.home.display();
    assert_eq!(told.await, format!("{own}\nmine\n{home}\nfrom the owner"));
    let made = fs::read_to_string(sandbox.workspace.join("made.txt"));
    assert_eq!(made.unwrap(), "mine\n");
    // The variables of a call, and nothing of this program's; nor does one reach the engine's own program.
    let arguments =
        json!({"command": "env", "env": {"B": "two\nlines", "CONTAINERS_CONF": "/nowhere"}});
    let told = text(&yard.exec(&sandbox, arguments).await);
    assert!(
        told.contains("B=two\nlines") && !told.contains("STORAGE_CONF"),
        "{told}"
    );
    let arguments = json!({"command": "pwd", "workdir": "/workspace"});
    assert_eq!(text(&yard.exec(&sandbox, arguments).await), own.to_string());
    assert_eq!(yard.names(), [NAME]);
}

#[tokio::test]
async fn file_tools_know_the_names_that_commands_know() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    let sandbox = yard.sandbox(json!({}));
    yard.told(&sandbox, "echo of the command > a.txt").await;
    let folders = Arc::new(Folders::new(
        yard.home().to_owned(),
        vec![yard.home().join(".clawdbot")],
    ));
    let stage = &yard.shell.stage;
    let read = Read::new(folders.clone(), documents());
    let read = stage
        .call_in(&sandbox, &read, json!({"path": "/workspace/a.txt"}))
        .await;
    let read = text(&read.unwrap());
    assert!(read.contains("of the command"), "{read}");
    let arguments = json!({"path": "/workspace/b/c.txt", "content": "of the tool"});
    let written = stage
        .call_in(&sandbox, &Write::new(folders), arguments)
        .await;
    assert!(!written.unwrap().is_error);
    assert_eq!(
        yard.told(&sandbox, "cat /workspace/b/c.txt").await,
        "of the tool"
    );
}

#[tokio::test]
async fn what_is_stopped_or_late_ends_inside_too() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    let sandbox = yard.sandbox(json!({}));
    sandbox.prepare().unwrap();
    fs::create_dir(sandbox.workspace.join("in")).unwrap();
    let fifo = Fifo::new(&sandbox.workspace);
    // One that does not obey, in the folder below the pipe.
    let stubborn = format!("cd in; {STUBBORN}");
    let started = yard
        .exec(&sandbox, json!({"command": stubborn, "background": true}))
        .await;
    let started = text(&started);
    let (_, id) = started.split_once("(session ").unwrap();
    let id = id[..8].to_owned();
    let (_, held) = fifo.first_line().await;
    let kill = json!({"action": "kill", "sessionId": id});
    let process = &yard.shell.process;
    let said = yard.shell.stage.call_in(&sandbox, process, kill).await;
    assert_eq!(text(&said.unwrap()), format!("Killed session {id}."));
    all_gone(held).await;
    // One that takes too long.
    let late = json!({"command": format!("cd in; {STUBBORN}"), "timeout": 1, "yieldMs": 60000});
    let (told, (_, held)) = tokio::join!(yard.exec(&sandbox, late), fifo.first_line());
    all_gone(held).await;
    assert!(
        text(&told).contains("Command timed out after 1 seconds"),
        "{}",
        text(&told)
    );
    // A call that is dropped.
    let dropped = json!({"command": format!("cd in; {STUBBORN}"), "yieldMs": 60000});
    let held = tokio::select! {
        _ = yard.exec(&sandbox, dropped) => panic!("it does not end"),
        (_, held) = fifo.first_line() => held,
    };
    all_gone(held).await;
}

#[tokio::test]
async fn what_a_command_leaves_behind_is_waited_for_and_ended() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    let sandbox = yard.sandbox(json!({}));
    sandbox.prepare().unwrap();
    let fifo = Fifo::new(&sandbox.workspace);
    let command = "(exec 3>fifo; echo up >&3; exec env -i /bin/sleep 1000) >/dev/null 2>&1 & echo started; exit 3";
    let left = json!({"command": command, "timeout": 2, "yieldMs": 60000});
    let (told, (_, held)) = tokio::join!(yard.exec(&sandbox, left), fifo.first_line());
    all_gone(held).await;
    assert!(text(&told).contains("timed out"), "{}", text(&told));
    // What ends by itself is not late, and its code is the shell's.
    let told = yard
        .told(&sandbox, "sleep 1 >/dev/null 2>&1 & echo ok; exit 3")
        .await;
    assert_eq!(told, "ok\nCommand exited with code 3");
}

#[tokio::test]
async fn a_terminal_is_one_inside() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    let sandbox = yard.sandbox(json!({}));
    let arguments = json!({"command": "test -t 0 && test -t 1 && echo on a terminal", "pty": true});
    let told = text(&yard.exec(&sandbox, arguments).await);
    assert!(told.contains("on a terminal"), "{told}");
}

#[tokio::test]
async fn it_is_made_anew_when_its_settings_change_but_not_from_under_its_commands() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    let sandbox = yard.sandbox(json!({}));
    yard.told(&sandbox, "true").await;
    let first = yard.id(NAME);
    yard.told(&sandbox, "true").await;
    assert_eq!(yard.id(NAME), first);
    let changed = yard.sandbox(json!({"docker": {"pidsLimit": 64}}));
    yard.let_pass(NAME, Duration::from_secs(200));
    yard.told(&changed, "true").await;
    assert_eq!(yard.id(NAME), first);
    // It is not kept alive by being used all the time.
    yard.let_pass(NAME, Duration::from_secs(301));
    yard.told(&changed, "true").await;
    let second = yard.id(NAME);
    assert_ne!(second, first);
    // One that was stopped is started again.
    yard.podman(&["stop", "-t", "0", NAME]).unwrap();
    assert_eq!(yard.told(&changed, "echo again").await, "again");
    assert_eq!(yard.id(NAME), second);
}

#[tokio::test]
async fn the_owners_command_runs_once_in_a_new_one() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    let set_up = |command: &str| {
        yard.sandbox(json!({"docker": {"setupCommand": command, "env": {"A": "b"}}}))
    };
    let failing = set_up("echo no such package >&2; exit 7");
    let refused = yard.refused(&failing, "true").await;
    assert!(
        refused.contains("setupCommand failed") && refused.contains("no such package"),
        "{refused}"
    );
    assert_eq!(yard.names(), Vec::<String>::new());
    let sandbox = set_up("echo $A >> /workspace/set-up");
    for _ in 0..2 {
        assert_eq!(yard.told(&sandbox, "cat set-up").await, "b");
    }
}

#[tokio::test]
async fn what_a_command_leaves_at_home_has_no_part_in_other_commands() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    let sandbox = yard.sandbox(json!({}));
    let leave = "echo 'echo by a profile | cat >> /workspace/left; echo profile' > $HOME/.profile";
    yard.told(&sandbox, leave).await;
    assert_eq!(yard.told(&sandbox, "echo clean").await, "clean");
    // Nor in the owner's, which runs as root.
    let home = sandbox.home.display().to_string();
    let set_up = yard.sandbox(json!({"docker": {
        "setupCommand": "echo $HOME/$TMPDIR/$A/$B >> /workspace/set-up; id -u >> /workspace/set-up",
        "env": {"A": "a", "B": format!("/bin:{home}/bin")},
    }}));
    yard.let_pass(NAME, Duration::from_secs(301));
    let told = yard.told(&set_up, "cat set-up; echo $B; ls").await;
    assert_eq!(told, format!("/root//a/\n0\n/bin:{home}/bin\nset-up"));
}

#[tokio::test]
async fn another_agent_s_container_is_not_taken_for_an_unfinished_one() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    let of = |agent: &str| {
        yard.settings_of(agent, json!({}))
            .of("agent:x:main")
            .unwrap()
    };
    yard.told(&of("work-new"), "true").await;
    let id = yard.id("moltbot-sbx-agent-work-new");
    yard.told(&of("work"), "true").await;
    assert_eq!(yard.id("moltbot-sbx-agent-work-new"), id);
    let names = ["moltbot-sbx-agent-work", "moltbot-sbx-agent-work-new"];
    let mut found = yard.names();
    found.sort();
    assert_eq!(found, names);
}

#[tokio::test]
async fn a_container_that_another_process_was_faster_to_make_is_as_good() {
    let Some(mut yard) = Yard::new().await else {
        return;
    };
    // An engine whose answer to the renaming is that the name is taken, by one just like it.
    let bin = yard.store.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let podman = find("podman").unwrap();
    let script = format!(
        "#!/bin/sh\n{0} \"$@\" || exit\n[ \"$1\" != rename ] || {{ echo the name is in use >&2; exit 125; }}\n",
        podman.display()
    );
    let made = Command::new("/bin/sh")
        .args([
            "-c",
            "printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"",
            "sh",
            &script,
        ])
        .arg(bin.join("podman"))
        .status();
    assert!(made.unwrap().success());
    let path = format!("{}:{}", bin.display(), yard.variables["PATH"]);
    yard.variables.insert("PATH".to_owned(), path);
    let sandbox = yard.sandbox(json!({}));
    assert_eq!(yard.told(&sandbox, "echo here").await, "here");
    assert_eq!(yard.names(), [NAME]);
    let records = ContainerSettings::records(&yard.home().join(".clawdbot")).list();
    assert_eq!(records.len(), 1);
}

#[tokio::test]
async fn one_that_a_command_runs_in_is_not_idle() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    let settings = yard.settings(json!({"scope": "session", "prune": {"idleHours": 1}}));
    let [one, other] = ["agent:main:one", "agent:main:two"].map(|key| settings.of(key).unwrap());
    one.prepare().unwrap();
    let fifo = Fifo::new(&one.workspace);
    let command = "exec 3>fifo; echo up >&3; exec sleep 1000";
    let started = yard
        .exec(&one, json!({"command": command, "background": true}))
        .await;
    let started = text(&started);
    let (_, id) = started.split_once("(session ").unwrap();
    let kill = json!({"action": "kill", "sessionId": &id[..8]});
    let (_, held) = fifo.first_line().await;
    let name = "moltbot-sbx-agent.main.one";
    yard.let_pass(name, Duration::from_secs(3700));
    yard.told(&other, "true").await;
    assert!(yard.names().iter().any(|known| known == name));
    // It counts as a use of now, and nothing else does.
    let process = &yard.shell.process;
    let killed = yard.shell.stage.call_in(&one, process, kill).await;
    killed.unwrap();
    all_gone(held).await;
    yard.let_pass(name, Duration::from_secs(3700));
    yard.told(&other, "true").await;
    assert!(!yard.names().iter().any(|known| known == name));
}

#[tokio::test]
async fn an_old_record_does_not_remove_somebody_else_s() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    let settings = yard.settings(json!({"scope": "session", "prune": {"idleHours": 1}}));
    let [one, other] = ["agent:main:one", "agent:main:two"].map(|key| settings.of(key).unwrap());
    yard.told(&one, "true").await;
    let name = "moltbot-sbx-agent.main.one";
    yard.podman(&["rm", "-f", "-t", "0", name]).unwrap();
    let label = "moltbot.stateDir=/somebody/else";
    let line = [
        "create",
        "--name",
        name,
        "--label",
        label,
        "--entrypoint",
        "/bin/sh",
        IMAGE,
    ];
    yard.podman(&line).unwrap();
    let id = yard.id(name);
    yard.let_pass(name, Duration::from_secs(3700));
    yard.told(&other, "true").await;
    assert_eq!(yard.id(name), id);
    let records = ContainerSettings::records(&yard.home().join(".clawdbot"));
    assert_eq!(records.list().len(), 1);
}

#[tokio::test]
async fn old_ones_go_and_those_of_others_stay() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    let settings = yard.settings(json!({"scope": "session", "prune": {"idleHours": 1}}));
    let [one, other] = ["agent:main:one", "agent:main:two"].map(|key| settings.of(key).unwrap());
    yard.told(&one, "true").await;
    yard.told(&other, "true").await;
    assert_eq!(yard.names().len(), 2);
    let name = "moltbot-sbx-agent.main.one";
    yard.let_pass(name, Duration::from_secs(3700));
    yard.told(&other, "true").await;
    assert_eq!(yard.names(), ["moltbot-sbx-agent.main.two"]);
    let records = ContainerSettings::records(&yard.home().join(".clawdbot")).list();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].scope, "agent:main:two");
    // Somebody else's of the same name is not touched.
    let line = ["create", "--name", name, "--entrypoint", "/bin/sh", IMAGE];
    yard.podman(&line).unwrap();
    let refused = yard.refused(&one, "true").await;
    assert!(
        refused.contains("did not make") && refused.contains("containerPrefix"),
        "{refused}"
    );
    assert_eq!(yard.names().len(), 2);
}

#[tokio::test]
async fn the_agents_own_folder_is_not_changed_where_it_may_only_be_read() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    let own = yard.home().join("clawd");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("note.txt"), "a note").unwrap();
    let sandbox = yard.sandbox(json!({"workspaceAccess": "ro"}));
    let told = yard.told(&sandbox, "cat note.txt /agent/note.txt; echo x > note.txt; echo x > /agent/new; echo own > /workspace/w && cat /workspace/w").await;
    assert!(
        told.starts_with("a notea note") && told.contains("own"),
        "{told}"
    );
    assert_eq!(told.matches("Read-only file system").count(), 2, "{told}");
    assert_eq!(fs::read_to_string(own.join("note.txt")).unwrap(), "a note");
    assert_eq!(fs::read_dir(&own).unwrap().count(), 1);
    assert!(
        yard.home()
            .join(".clawdbot/sandboxes/agent-main/w")
            .exists()
    );
}

#[tokio::test]
async fn the_trial_holds_and_tells_what_does_not() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    let outside = yard.home().join(".clawdbot");
    fs::create_dir_all(outside.join("credentials")).unwrap();
    let trial = async |sandbox: Value| -> Trial {
        let sandbox = yard.sandbox(sandbox);
        sandbox.try_container(&outside).await.unwrap().unwrap()
    };
    let closed = trial(json!({})).await;
    assert!(closed.holds(), "{closed:?}");
    assert!(closed.enforced.by.contains("podman"), "{closed:?}");
    assert!(closed.findings.len() > 6, "{closed:?}");
    let broken = |trial: &Trial| -> Vec<String> {
        let broken = trial.findings.iter().filter(|finding| !finding.holds());
        broken.map(|finding| finding.attempt.clone()).collect()
    };
    // What is granted holds; what opens more than the settings say does not.
    let on = trial(json!({"docker": {"network": "host", "capDrop": ["NET_RAW"]}})).await;
    assert_eq!(broken(&on), Vec::<String>::new());
    let bind = format!("{0}:{0}", outside.display());
    let open = trial(json!({"docker": {"binds": [bind]}})).await;
    assert_eq!(broken(&open), ["see a folder outside", "write outside"]);
    // Nothing of the trials is left.
    assert_eq!(yard.names(), Vec::<String>::new());
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 3);
}

#[tokio::test]
async fn without_an_image_nothing_runs() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    let sandbox = yard.sandbox(json!({"docker": {"image": "nobody-has-this:1"}}));
    let refused = yard.refused(&sandbox, "true").await;
    assert!(
        refused.starts_with("The command was not run: sandbox.backend asks for a container, and there is no image nobody-has-this:1"),
        "{refused}"
    );
}

/// What is found here under a name is not what a container starts.
#[tokio::test]
async fn what_is_allowed_for_good_is_not_what_a_container_starts() {
    let shell = Shell::new().await;
    let environment = Environment {
        home: shell.stage.dir.path().to_owned(),
        ..Environment::default()
    };
    let list = json!({"version": 1, "agents": {"main": {"allowlist": [{"pattern": "/**"}]}}});
    fs::create_dir_all(environment.home.join(".clawdbot")).unwrap();
    let path = environment.home.join(".clawdbot/exec-approvals.json");
    fs::write(path, list.to_string()).unwrap();
    let listed = |backend: &str, command: &str| {
        let docker = json!({"env": {"PATH": "/usr/bin:/bin"}});
        let sandbox = json!({"mode": "all", "backend": backend, "docker": docker});
        let config = json!({"agents": {"defaults": {"sandbox": sandbox}}}).to_string();
        let snapshot = load_text(&environment, &config).unwrap();
        let settings = SandboxSettings::from_snapshot(&snapshot, "main", "/bin/false".into());
        let sandbox = settings.of("agent:main:main").unwrap();
        let settings = ExecSettings::from_config(&snapshot.config, "main", &environment);
        let table = Arc::new(ProcessTable::new(environment.home.join("outputs")));
        let exec = ExecTool::new(table, settings);
        let arguments = json!({"command": command});
        let plan = shell.stage.plan_in(&sandbox, &exec, arguments);
        (plan.listed, plan.programs.is_empty())
    };
    for command in ["ls", "/bin/ls"] {
        assert_eq!(listed("kernel", command), (true, false), "{command}");
        assert_eq!(listed("podman", command), (false, true), "{command}");
    }
}

#[tokio::test]
async fn without_an_engine_nothing_runs() {
    let shell = Shell::new().await;
    let environment = Environment {
        home: shell.stage.dir.path().to_owned(),
        ..Environment::default()
    };
    let sandbox = json!({"mode": "all", "docker": {"image": IMAGE}});
    let config = json!({"agents": {"defaults": {"sandbox": sandbox}}}).to_string();
    let snapshot = load_text(&environment, &config).unwrap();
    let settings = SandboxSettings::from_snapshot(&snapshot, "main", "/bin/echo".into());
    assert!(settings.available().is_err());
    let sandbox = settings.of("agent:main:main").unwrap();
    let call = shell
        .stage
        .call_in(&sandbox, &shell.exec, json!({"command": "true"}));
    let refused = call.await.unwrap_err().to_string();
    assert_eq!(
        refused,
        "The command was not run: sandbox.docker.image asks for a container, and there is no docker or podman in PATH to make it with; install one. With sandbox.backend \"kernel\" the system itself confines commands, without a container."
    );
}
