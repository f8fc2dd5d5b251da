//! Where the files lie and who else on this machine can read or change them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use moltbot_config::{MAIN_AGENT, SecretSource, Snapshot};

use super::facts::Facts;
use super::finding::{Finding, Severity};
use super::permissions;
use crate::shell::Approvals;

/// What a file or folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// The state directory.
    StateDir,
    /// The config file.
    Config,
    /// A file that the config includes.
    Include,
    /// The folder of credentials.
    CredentialsDir,
    /// A file in it.
    Credentials,
    /// A folder of an agent.
    AgentDir,
    /// An agent's keys.
    AuthProfiles,
    /// The original's list of an agent's conversations.
    SessionsStore,
    /// The log file that the owner named.
    LogFile,
    /// The database, or one of the files beside it.
    Database,
    /// What commands are allowed for good.
    ExecApprovals,
    /// The state directory's `.env`.
    Dotenv,
    /// A file in the state directory that `${file:…}` takes a secret from.
    Secret,
    /// Such a file elsewhere.
    SecretElsewhere,
}

/// A file or folder that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFact {
    /// What it is.
    pub kind: FileKind,
    /// Where it is.
    pub path: PathBuf,
    /// The path as shown to the owner.
    pub shown: String,
    /// Whether it is a symbolic link.
    pub is_symlink: bool,
    /// Its permission bits (where it is a link, those of what it leads to); `None` where the system has none.
    pub mode: Option<u32>,
}

/// What one set of permission bits means: any of them, how grave that is, and the end of the check's id.
type Bits = (u32, Severity, &'static str, &'static str);

const WRITABLE: Bits = (
    0o022,
    Severity::Critical,
    "perms_writable",
    "can be changed by other users",
);
const READABLE: Bits = (
    0o044,
    Severity::Warn,
    "perms_readable",
    "can be read by other users",
);

impl FileKind {
    /// The beginning of the ids of its checks; `None` where the original has none and a parent's check says enough.
    fn id(self) -> Option<&'static str> {
        Some(match self {
            Self::StateDir => "fs.state_dir",
            Self::Config => "fs.config",
            Self::Include => "fs.config_include",
            Self::CredentialsDir => "fs.credentials_dir",
            Self::Credentials => "fs.credentials_file",
            Self::AgentDir => return None,
            Self::AuthProfiles => "fs.auth_profiles",
            Self::SessionsStore => "fs.sessions_store",
            Self::LogFile => "fs.log_file",
            Self::Database => "fs.database",
            Self::ExecApprovals => "fs.exec_approvals",
            Self::Dotenv => "fs.dotenv",
            Self::Secret | Self::SecretElsewhere => "config.secrets",
        })
    }

    /// What it is called.
    fn name(self) -> &'static str {
        match self {
            Self::StateDir => "The state directory",
            Self::Config => "The config file",
            Self::Include => "An included config file",
            Self::CredentialsDir => "The folder of credentials",
            Self::Credentials => "A file of credentials",
            Self::AgentDir => "A folder of an agent",
            Self::AuthProfiles => "A file of keys (auth-profiles.json)",
            Self::SessionsStore => "A list of conversations (sessions.json)",
            Self::LogFile => "The log file",
            Self::Database => "The database with all conversations",
            Self::ExecApprovals => "The list of allowed commands (exec-approvals.json)",
            Self::Dotenv => "The file of variables (.env)",
            Self::Secret | Self::SecretElsewhere => "A file with a secret of the configuration",
        }
    }

    /// The permission bits that it should have.
    pub fn wanted(self) -> u32 {
        match self {
            Self::StateDir | Self::CredentialsDir | Self::AgentDir => 0o700,
            _ => 0o600,
        }
    }

    /// Whether `--fix` sets its permissions. A file that lies somewhere else may be meant for others, too.
    pub(super) fn is_fixed(self) -> bool {
        !matches!(self, Self::LogFile | Self::SecretElsewhere)
    }

    /// The bits that are looked at; the first that is set is told.
    fn bits(self) -> &'static [Bits] {
        match self {
            Self::StateDir => &[
                (
                    0o002,
                    Severity::Critical,
                    "perms_world_writable",
                    "can be changed by everybody on this machine",
                ),
                (
                    0o020,
                    Severity::Warn,
                    "perms_group_writable",
                    "can be changed by its group",
                ),
                READABLE,
            ],
            Self::Config | Self::Include => &[
                WRITABLE,
                (
                    0o004,
                    Severity::Critical,
                    "perms_world_readable",
                    "can be read by everybody on this machine",
                ),
                (
                    0o040,
                    Severity::Warn,
                    "perms_group_readable",
                    "can be read by its group",
                ),
            ],
            Self::AgentDir => &[],
            Self::Secret | Self::SecretElsewhere => &[(
                0o044,
                Severity::Warn,
                "file_readable",
                "can be read by other users",
            )],
            Self::SessionsStore | Self::LogFile => &[READABLE],
            _ => &[WRITABLE, READABLE],
        }
    }
}

/// The files and folders of an installation, whether they exist or not, in the order in which they are put right.
pub(super) fn all(snapshot: &Snapshot) -> Vec<(FileKind, PathBuf)> {
    let paths = &snapshot.paths;
    let mut all = vec![
        (FileKind::StateDir, paths.state_dir.clone()),
        (FileKind::Config, snapshot.path.clone()),
    ];
    let includes = snapshot.includes.iter();
    all.extend(includes.map(|path| (FileKind::Include, path.clone())));
    all.push((FileKind::CredentialsDir, paths.credentials_dir.clone()));
    let credentials = json_files(&paths.credentials_dir);
    all.extend(
        credentials
            .into_iter()
            .map(|path| (FileKind::Credentials, path)),
    );
    for id in agent_ids(snapshot) {
        let (agent, sessions) = (paths.agent_dir(&id), paths.sessions_dir(&id));
        let own = agent.parent().map(Path::to_owned);
        // A directory of the owner's choice lies in a folder that is not this program's.
        let own = own.filter(|own| own.starts_with(&paths.state_dir) && *own != paths.state_dir);
        all.extend(own.map(|own| (FileKind::AgentDir, own)));
        all.push((FileKind::AgentDir, agent.clone()));
        all.push((FileKind::AuthProfiles, agent.join("auth-profiles.json")));
        all.push((FileKind::AgentDir, sessions.clone()));
        all.push((FileKind::SessionsStore, sessions.join("sessions.json")));
    }
    for ending in ["", "-wal", "-shm"] {
        let name = format!("{}{ending}", paths.database.display());
        all.push((FileKind::Database, name.into()));
    }
    let home = &snapshot.environment.home;
    all.push((FileKind::ExecApprovals, Approvals::path(home)));
    all.push((FileKind::Dotenv, paths.state_dir.join(".env")));
    all.extend(secret_files(snapshot));
    if let Some(file) = &snapshot.config.logging().file {
        all.push((FileKind::LogFile, snapshot.environment.absolute(file)));
    }
    all
}

/// The files that secrets of the configuration are taken from, each once.
fn secret_files(snapshot: &Snapshot) -> BTreeSet<(FileKind, PathBuf)> {
    let paths = snapshot.secrets.iter().filter_map(|one| match &one.source {
        SecretSource::File(path) => Some(path.clone()),
        SecretSource::Command(_) | SecretSource::Keyring(_) => None,
    });
    let kinds = paths.map(|path| match path.starts_with(&snapshot.paths.state_dir) {
        true => (FileKind::Secret, path),
        false => (FileKind::SecretElsewhere, path),
    });
    kinds.collect()
}

/// The files and folders that exist.
pub(super) fn look(snapshot: &Snapshot) -> Vec<FileFact> {
    let facts = all(snapshot).into_iter().filter_map(|(kind, path)| {
        let own = fs::symlink_metadata(&path).ok()?;
        let metadata = fs::metadata(&path).ok();
        Some(FileFact {
            kind,
            shown: snapshot.environment.shown(&path),
            is_symlink: own.is_symlink(),
            mode: metadata.as_ref().and_then(permissions::mode),
            path,
        })
    });
    facts.collect()
}

/// The agents of the configuration, and those of whom there are folders.
fn agent_ids(snapshot: &Snapshot) -> Vec<String> {
    let listed = snapshot.config.agents().list().iter();
    let mut ids: Vec<String> = listed.map(|agent| agent.normalized_id()).collect();
    ids.push(MAIN_AGENT.to_owned());
    let folders = fs::read_dir(snapshot.paths.state_dir.join("agents"));
    let folders = folders.into_iter().flatten().flatten();
    ids.extend(folders.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    ids.sort();
    ids.dedup();
    ids
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let mut found: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    found.sort();
    found
}

/// Folders that are copied to other machines.
const SYNCED: [&str; 5] = [
    "icloud",
    "dropbox",
    "google drive",
    "googledrive",
    "onedrive",
];

/// Whether the state lies in a folder that is copied to other machines.
pub(super) fn check_synced(facts: &Facts) -> Vec<Finding> {
    let synced = facts.places.iter().find(|place| {
        let path = place.display().to_string().to_lowercase();
        SYNCED.iter().any(|name| path.contains(name))
    });
    let Some(place) = synced else {
        return Vec::new();
    };
    let shown = facts.environment.shown(place);
    let finding = Finding::warn(
        "fs.synced_dir",
        "The state lies in a synced folder",
        format!(
            "{shown} is copied to other machines, with its keys and conversations; two machines writing to one database break it."
        ),
    );
    vec![finding.fix(
        "keep it in a folder of this machine alone (CLAWDBOT_STATE_DIR, CLAWDBOT_CONFIG_PATH)",
    )]
}

/// Who else can read or change the files.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    facts.files.iter().flat_map(check_one).collect()
}

fn check_one(file: &FileFact) -> Vec<Finding> {
    let Some(id) = file.kind.id() else {
        return Vec::new();
    };
    let (name, shown) = (file.kind.name(), &file.shown);
    let mut found = Vec::new();
    if file.is_symlink && matches!(file.kind, FileKind::StateDir | FileKind::Config) {
        let finding = Finding::warn(
            format!("{id}.symlink"),
            format!("{name} is a symbolic link"),
            format!("{shown} leads elsewhere; whoever can change that place changes this."),
        );
        found.push(finding.fix(
            "make sure that only you can write where it leads, or put a real one in its place",
        ));
    }
    let mode = file.mode.unwrap_or_default();
    let bad = file.kind.bits().iter().find(|(bits, ..)| mode & bits != 0);
    if let Some((_, severity, ending, says)) = bad {
        let finding = Finding::warn(
            format!("{id}.{ending}"),
            format!("{name} {says}"),
            format!("{shown} has mode {mode:03o}."),
        );
        found.push(finding.at(*severity).fix(format!(
            "chmod {:03o} {}",
            file.kind.wanted(),
            file.path.display()
        )));
    }
    found
}
