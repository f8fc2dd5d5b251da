//! Trying a confinement out: what is forbidden is attempted from inside, and what happens is told.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Confinement, Enforced, SandboxError, confine};

/// One attempt from inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What was attempted, as in "read a file of the home directory".
    pub attempt: String,
    /// Whether the plan allows it.
    pub allowed: bool,
    /// Whether it worked.
    pub worked: bool,
}

/// What a confinement proved to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// What enforces it, and what this system cannot enforce.
    pub enforced: Enforced,
    /// What was attempted.
    pub findings: Vec<Finding>,
}

impl Trial {
    /// Whether everything is enforced that was asked for.
    pub fn holds(&self) -> bool {
        self.enforced.weaker.is_empty() && self.findings.iter().all(Finding::holds)
    }
}

impl Finding {
    /// Whether it went as the plan says.
    pub fn holds(&self) -> bool {
        self.allowed == self.worked
    }
}

/// Confines this process for good and attempts what a command might: meant for a child process that ends afterwards.
/// `outside` is a folder of the owner's that the plan does not grant, with a file in it that everybody may read.
///
/// # Errors
/// It could not be confined at all.
pub fn try_out(plan: &Confinement, outside: &Path) -> Result<Trial, SandboxError> {
    // Bound before, so that there is somebody to speak with.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok();
    let port = listener
        .as_ref()
        .and_then(|listener| listener.local_addr().ok());
    let enforced = confine(plan)?;
    let finding = |attempt: &str, allowed: bool, worked: bool| Finding {
        attempt: attempt.to_owned(),
        allowed,
        worked,
    };
    let mut findings = vec![
        finding(
            "read a folder outside",
            false,
            fs::read_dir(outside).is_ok(),
        ),
        finding("write outside", false, writes_in(outside)),
        finding(
            "open a TCP connection",
            plan.network,
            port.is_some_and(|port| TcpStream::connect(port).is_ok()),
        ),
        finding(
            "open a UDP socket",
            plan.network,
            UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).is_ok(),
        ),
        finding(
            "read the system's programs",
            true,
            fs::read_dir("/usr").is_ok(),
        ),
    ];
    #[cfg(unix)]
    findings.push(finding(
        "open a socket to this machine's services",
        plan.network,
        std::os::unix::net::UnixDatagram::unbound().is_ok(),
    ));
    let only_read = plan.readable.iter().filter(|folder| {
        let is_writable = plan
            .writable
            .iter()
            .any(|writable| folder.starts_with(writable));
        folder.is_dir() && !is_writable
    });
    findings.push(finding(
        "write in a folder that may only be read",
        false,
        only_read.into_iter().any(|folder| writes_in(folder)),
    ));
    for folder in &plan.writable {
        findings.push(finding(
            &format!("write in {}", folder.display()),
            true,
            writes_in(folder),
        ));
    }
    Ok(Trial { enforced, findings })
}

/// Whether a file can be made in a folder; it is removed again.
fn writes_in(folder: &Path) -> bool {
    let path: PathBuf = folder.join(format!(".moltbot-sandbox-trial-{}", std::process::id()));
    let worked = fs::write(&path, "").is_ok();
    // What could be made can be removed; what could not is not there.
    let _ = fs::remove_file(&path);
    worked
}
