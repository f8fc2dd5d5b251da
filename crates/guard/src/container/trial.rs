//! Trying a container out: what is forbidden is attempted in one that is made for it and removed again.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Container, ContainerError};
use crate::sandbox::{Enforced, Finding, Trial};

/// The arguments are a mark for names, the folder outside, the number of its entries and they, then the folders to write
/// in. What it finds it prints word by word; what it writes is looked for on this side.
const SCRIPT: &str = r#"
mark=$1 outside=$2 count=$3
shift 3
while [ $count -gt 0 ]; do
    [ -e "$1" ] && echo sees_outside
    shift
    count=$((count - 1))
done
{ : > "$outside/$mark"; } 2>/dev/null
for folder; do { : > "$folder/$mark"; } 2>/dev/null; done
ls /bin/sh >/dev/null 2>&1 && echo sees_programs
routes=-1
while read -r line; do routes=$((routes + 1)); done < /proc/net/route
[ $routes -gt 0 ] && echo has_routes
while read -r name value; do
    case "$name $value" in
    'CapEff: 0000000000000000') ;;
    CapEff:*) echo has_capabilities ;;
    'NoNewPrivs: 0') echo gains_privileges ;;
    esac
done < /proc/self/status
echo "pid_namespace=$(readlink /proc/self/ns/pid)"
echo "net_namespace=$(readlink /proc/self/ns/net)"
echo end
"#;

impl Container {
    /// Makes a container of this plan for the purpose, without the owner's `setupCommand`, attempts inside what a command
    /// might, and removes it. The folders that are mounted must exist. `outside` is a folder of the owner's that is not
    /// granted. Blocks for as long as that takes.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn try_out(&self, outside: &Path) -> Result<Trial, ContainerError> {
        self.needs_image()?;
        let mark = format!(".moltbot-sandbox-trial-{}", uuid::Uuid::new_v4().simple());
        let plan = &self.plan;
        let closed = self.closed_entries(outside);
        let mut line = vec!["run".to_owned(), "--rm".to_owned()];
        line.extend(plan.options(&self.engine)?);
        line.extend([&plan.image, "-c", SCRIPT, "moltbot", &mark].map(str::to_owned));
        line.push(outside.display().to_string());
        line.push(closed.len().to_string());
        line.extend(closed.iter().map(|path| path.display().to_string()));
        let folders = plan.mounts.iter().filter(|mount| mount.outside.is_dir());
        line.extend(
            folders
                .clone()
                .map(|mount| mount.inside.display().to_string()),
        );
        let said = self.engine.ask("trying a container out", &line)?;
        let says = |word: &str| said.lines().any(|line| line.trim() == word);
        if !says("end") {
            return Err(ContainerError::Refused {
                program: self.engine.program().to_owned(),
                step: "trying a container out",
                reason: "the shell of the image did not come to the end of the trial".to_owned(),
            });
        }
        let shares = |name: &str| {
            let own = fs::read_link(format!("/proc/self/ns/{name}"));
            let own = own.map(|own| format!("{name}_namespace={}", own.display()));
            own.is_ok_and(|own| says(&own))
        };
        let network = plan.network != "none";
        let mut findings = vec![
            finding("see a folder outside", false, says("sees_outside")),
            finding("write outside", false, appeared(outside, &mark)),
            finding("have a network route", network, says("has_routes")),
            finding(
                "use this machine's own network",
                plan.network == "host",
                shares("net"),
            ),
            finding("see this machine's processes", false, shares("pid")),
            finding(
                "have rights of the kernel (capabilities)",
                !plan
                    .cap_drop
                    .iter()
                    .any(|name| name.eq_ignore_ascii_case("all")),
                says("has_capabilities"),
            ),
            finding("gain rights by a program", false, says("gains_privileges")),
            finding("run the image's programs", true, says("sees_programs")),
        ];
        // Of a folder that is mounted twice, the second look finds nothing new to remove: each is looked at once.
        let mut looked: Vec<&PathBuf> = Vec::new();
        for mount in folders {
            if looked.contains(&&mount.outside) {
                continue;
            }
            looked.push(&mount.outside);
            findings.push(finding(
                &format!("write in {}", mount.outside.display()),
                mount.writable,
                appeared(&mount.outside, &mark),
            ));
        }
        // Whether a network that is granted leads anywhere is not the sandbox's to say, nor which rights are used.
        findings.retain(|finding| !finding.allowed || !finding.attempt.starts_with("have "));
        Ok(Trial {
            enforced: Enforced {
                by: format!("a container ({})", self.engine.version()),
                weaker: Vec::new(),
            },
            findings,
        })
    }

    /// What is in the folder outside and leads to nothing that is mounted.
    fn closed_entries(&self, outside: &Path) -> Vec<PathBuf> {
        const ENOUGH: usize = 50;
        let entries = fs::read_dir(outside).into_iter().flatten().flatten();
        let leads_to_a_mount = |path: &Path| {
            let mut mounts = self.plan.mounts.iter();
            mounts.any(|mount| mount.inside.starts_with(path) || path.starts_with(&mount.inside))
        };
        entries
            .map(|entry| entry.path())
            .filter(|path| !leads_to_a_mount(path))
            .take(ENOUGH)
            .collect()
    }
}

fn finding(attempt: &str, allowed: bool, worked: bool) -> Finding {
    Finding {
        attempt: attempt.to_owned(),
        allowed,
        worked,
    }
}

/// Whether a file of this name was made in a folder; it is removed again.
fn appeared(folder: &Path, name: &str) -> bool {
    let path = folder.join(name);
    let is_there = path.exists();
    // Made by nobody but the trial.
    let _ = fs::remove_file(path);
    is_there
}
