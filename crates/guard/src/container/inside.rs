//! Commands inside: how they are started, and how they are ended.
//!
//! The engine's program on this side passes no signals on, and what it started goes on when it is ended. So every
//! command carries a mark in its environment, by which its processes are found again inside.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::{Container, Engine};

/// The variable that holds the mark.
const MARK: &str = "MOLTBOT_COMMAND";

/// How long the engine may take to pass a signal on before that is given up.
const LONGEST: Duration = Duration::from_secs(5);

/// A function of the shell that finds the processes of a mark: those that have it, and whoever is in a session with
/// them. Those that have ended and were not yet collected do not count, nor does the shell that asks.
const FIND: &str = r#"
find_them() {
    mark=$1 them= sessions=' '
    for at in /proc/[0-9]*; do
        { read -r stat < "$at/stat"; } 2>/dev/null || continue
        set -- ${stat##*) }
        [ "$1" = Z ] && continue
        grep -qs "MOLTBOT_COMMAND=$mark" "$at/environ" || continue
        [ "$4" -gt 1 ] && sessions="$sessions$4 "
        pid=${at#/proc/}
        [ "$pid" = $$ ] || them="$them $pid"
    done
    for at in /proc/[0-9]*; do
        { read -r stat < "$at/stat"; } 2>/dev/null || continue
        set -- ${stat##*) }
        pid=${at#/proc/}
        [ "$1" = Z ] || [ "$pid" = $$ ] && continue
        case "$sessions" in *" $4 "*) them="$them $pid" ;; esac
    done
}
"#;

/// Runs the command (`$1`) of a mark (`$2`) and stays until the last of its processes has ended, as the engine's program
/// does with it. Signals end the command and not this.
const RUN: &str = r#"
trap : HUP INT QUIT TERM
/bin/sh -c "$1"
code=$?
find_them "$2"
while [ -n "$them" ]; do sleep 1; find_them "$2"; done
exit $code
"#;

/// Asks the processes of a mark (`$1`) to end, also those that were stopped.
const END: &str = r#"
find_them "$1"
[ -z "$them" ] || kill -TERM $them
[ -z "$them" ] || kill -CONT $them
"#;

/// Ends them, and what they start meanwhile.
const KILL: &str = r#"
turns=0
find_them "$1"
while [ -n "$them" ] && [ $turns -lt 9 ]; do
    kill -KILL $them
    turns=$((turns + 1))
    find_them "$1"
done
"#;

/// A command line that runs a command inside, and how it is ended there.
#[derive(Debug, Clone)]
pub struct Inside {
    /// The engine's program and its arguments.
    pub line: Vec<String>,
    /// The variables that this program is started with: not those of the command.
    pub variables: BTreeMap<String, String>,
    /// How the command is ended.
    pub signals: Signals,
}

/// How a command inside is ended.
#[derive(Debug, Clone)]
pub struct Signals {
    engine: Engine,
    container: String,
    mark: String,
}

impl Container {
    /// The command line that runs a command inside, in a folder as it is seen there, with these variables alone beside
    /// the image's own. They stand in the command line, where others of this machine can read them, and not in the
    /// environment of the engine's program, which obeys too many of them.
    pub fn command(
        &self,
        command: &str,
        workdir: &Path,
        variables: &BTreeMap<String, String>,
        on_terminal: bool,
    ) -> Inside {
        let mark = uuid::Uuid::new_v4().simple().to_string();
        let mut line = vec![
            self.engine.program().display().to_string(),
            "exec".to_owned(),
            "--interactive".to_owned(),
        ];
        if on_terminal {
            line.push("--tty".to_owned());
        }
        line.push(format!("--workdir={}", workdir.display()));
        let variables = variables.iter().filter(|(name, _)| *name != MARK);
        line.extend(variables.map(|(name, value)| format!("--env={name}={value}")));
        line.push(format!("--env={MARK}={mark}"));
        let script = format!("{FIND}{RUN}");
        line.extend(
            [
                &self.plan.name,
                "/bin/sh",
                "-c",
                &script,
                "moltbot",
                command,
                &mark,
            ]
            .map(str::to_owned),
        );
        Inside {
            line,
            variables: self.engine.variables().clone(),
            signals: Signals {
                engine: self.engine.clone(),
                container: self.plan.name.clone(),
                mark,
            },
        }
    }
}

impl Signals {
    /// Asks all processes of the command to end. Blocks until the engine has passed it on, at most for seconds.
    pub fn end(&self) {
        self.run(END);
    }

    /// Ends them. Blocks as [`Self::end`] does.
    pub fn kill(&self) {
        self.run(KILL);
    }

    /// Whether the engine came back with a yes does not matter: who asks looks whether the command has ended.
    fn run(&self, script: &str) {
        let script = format!("{FIND}{script}");
        let line = [
            "exec",
            &self.container,
            "/bin/sh",
            "-c",
            &script,
            "moltbot",
            &self.mark,
        ];
        let mut command = self.engine.command(&line);
        let Ok(mut child) = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
            return;
        };
        let until = Instant::now() + LONGEST;
        while let Ok(None) = child.try_wait() {
            if Instant::now() >= until {
                // An engine that does not answer is not waited for.
                let _ = child.kill();
                let _ = child.wait();
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}
