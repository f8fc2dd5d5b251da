//! From the owner's file to a checked configuration.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::agent_id::normalize_agent_id;
use crate::environment::Environment;
use crate::issue::{Issue, sort_for_reading};
use crate::key_path::{KeyPath, Segment};
use crate::paths::{Paths, expand_home};
use crate::references::{self, References, Resolver, SecretReference};
use crate::schema::{self, Config};
use crate::spanned::{self, Content, Node, Origin, SourceFile};
use crate::substitute::Problem;
use crate::{crosscheck, dotenv, env_block, include, json_schema, legacy, login_shell, substitute};

/// The configuration as it was at one moment, checked.
#[derive(Clone)]
pub struct Snapshot {
    /// The config file.
    pub path: PathBuf,
    /// Whether it exists; when it does not, the configuration is empty and valid.
    pub exists: bool,
    /// Its text; empty when it does not exist.
    pub raw: String,
    /// SHA-256 of `raw` in lower-case hex.
    pub hash: String,
    /// The typed configuration.
    pub config: Config,
    /// The configuration with includes in place, variables and references to secrets substituted and `~` written out in
    /// paths.
    pub value: Value,
    /// The references to secrets that stand in it.
    pub secrets: Vec<SecretReference>,
    /// The files that `$include` brought in, absolute.
    pub includes: Vec<PathBuf>,
    /// What the owner should know; none of it stops the program.
    pub warnings: Vec<String>,
    /// One sentence for each key that is valid but that this version does not act on.
    pub notices: Vec<String>,
    /// The places that belong to this installation.
    pub paths: Paths,
    /// The environment with the `.env` files, the config's `env` block and the login shell's keys filled in.
    pub environment: Environment,
    pub(crate) tree: Node,
}

impl fmt::Debug for Snapshot {
    /// Leaves out everything that may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("path", &self.path)
            .field("exists", &self.exists)
            .field("hash", &self.hash)
            .field("includes", &self.includes)
            .field("secrets", &self.secrets)
            .field("warnings", &self.warnings)
            .field("notices", &self.notices)
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    /// Where the value at `path` was written; `None` when nothing is set there.
    pub fn origin(&self, path: &KeyPath) -> Option<&Origin> {
        crate::edit::node_at(&self.tree, path.segments()).map(|node| &node.origin)
    }

    /// [`value`](Self::value) as it may be shown: a text with a reference to a secret is as written.
    pub fn shown_value(&self) -> Value {
        let mut shown = self.value.clone();
        for secret in &self.secrets {
            let mut steps = secret.key.segments().iter();
            let place = steps.try_fold(&mut shown, |value, step| match value {
                Value::Object(map) => map.get_mut(&step.as_key()),
                Value::Array(items) => match step {
                    Segment::Index(index) => items.get_mut(*index),
                    Segment::Key(_) => None,
                },
                _ => None,
            });
            if let Some(place) = place {
                *place = Value::String(secret.text.clone());
            }
        }
        shown
    }

    /// What a text would stand for in the config file: with variables and references to secrets replaced, each of which is
    /// followed. Blocks while commands and keyrings are asked.
    ///
    /// # Errors
    /// What could not be replaced, a sentence.
    pub fn expand(&self, text: &str) -> Result<String, String> {
        let folder = substitute::folder_of(&self.path);
        let mut resolver = Resolver::new(References::Followed);
        let expanded = substitute::expand(text, folder, &self.environment, &mut resolver);
        let problems: Vec<String> = expanded.problems.iter().map(Problem::message).collect();
        expanded.text.ok_or_else(|| problems.join("; "))
    }

    /// The folder in which an agent works, absolute: its own, else for the default agent that of `agents.defaults`, else
    /// one in the home directory.
    pub fn workspace(&self, agent_id: &str) -> PathBuf {
        let agents = self.config.agents();
        let id = normalize_agent_id(agent_id);
        let is_default = id == agents.default_agent_id();
        let own = agents
            .agent(&id)
            .and_then(|agent| agent.workspace.as_deref());
        let shared = agents.defaults().workspace.as_deref();
        match own.or(shared.filter(|_| is_default)) {
            Some(folder) => self.environment.absolute(folder),
            None if is_default => self.paths.default_workspace().to_owned(),
            None => self.paths.agent_workspace(&id),
        }
    }
}

/// Why the configuration can't be used. `Display` prints every issue on a line of its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The config file exists but can't be read as text.
    #[error("{}", lines(.issues))]
    Unreadable {
        /// The config file.
        path: PathBuf,
        /// Why.
        issues: Vec<Issue>,
    },
    /// The config file is not JSON5.
    #[error("{}", lines(.issues))]
    Syntax {
        /// The config file.
        path: PathBuf,
        /// The first syntax error.
        issues: Vec<Issue>,
    },
    /// Included files could not be put in place.
    #[error("{}", lines(.issues))]
    Include {
        /// The config file.
        path: PathBuf,
        /// Every include that failed.
        issues: Vec<Issue>,
    },
    /// The configuration is readable but wrong.
    #[error("{}", lines(.issues))]
    Invalid {
        /// The config file.
        path: PathBuf,
        /// Everything that is wrong, in the order of the files.
        issues: Vec<Issue>,
    },
}

impl LoadError {
    /// The config file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Unreadable { path, .. }
            | Self::Syntax { path, .. }
            | Self::Include { path, .. }
            | Self::Invalid { path, .. } => path,
        }
    }

    /// Everything that is wrong; never empty.
    pub fn issues(&self) -> &[Issue] {
        match self {
            Self::Unreadable { issues, .. }
            | Self::Syntax { issues, .. }
            | Self::Include { issues, .. }
            | Self::Invalid { issues, .. } => issues,
        }
    }
}

fn lines(issues: &[Issue]) -> String {
    let lines: Vec<String> = issues.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// Lower-case hex of the SHA-256 of `text`: the identity of a version of the config file.
pub fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string can't fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// Loads the configuration: reads the `.env` files, finds the config file, reads and checks it. A missing file is
/// an empty configuration.
///
/// `environment` is the environment of the process, with a profile applied where one was chosen. Blocks while it
/// reads files and, where the owner asks for it, runs the login shell. References to secrets that run programs stay as
/// they are written; [`load_with`] follows them.
///
/// # Errors
/// [`LoadError`] with everything that is wrong.
pub fn load(environment: &Environment) -> Result<Snapshot, LoadError> {
    load_with(environment, References::AsWritten)
}

/// As [`load`], with references to secrets followed or not. Blocks while commands and keyrings are asked.
///
/// # Errors
/// As [`load`]; a secret that cannot be had is one.
pub fn load_with(environment: &Environment, references: References) -> Result<Snapshot, LoadError> {
    let start = Start::new(environment);
    let path = start.paths.config_file.clone();
    let unreadable = |message: String| LoadError::Unreadable {
        path: path.clone(),
        issues: vec![whole_file(&start.source, message)],
    };
    let raw = match std::fs::read(&path) {
        Ok(bytes) => Some(String::from_utf8(bytes).map_err(|error| {
            let offset = error.utf8_error().valid_up_to();
            unreadable(format!(
                "the file is not UTF-8 text (at byte {offset}); save it as UTF-8"
            ))
        })?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            return Err(unreadable(format!(
                "read failed: {error}; check the owner and the permissions of the file"
            )));
        }
    };
    start.evaluate(raw, references)
}

/// Checks `raw` as if it were the text of the config file, which is not read. References to secrets that run programs
/// stay as they are written.
///
/// # Errors
/// As [`load`].
pub fn load_text(environment: &Environment, raw: &str) -> Result<Snapshot, LoadError> {
    Start::new(environment).evaluate(Some(raw.to_owned()), References::AsWritten)
}

/// What is known before the config file is read.
struct Start {
    environment: Environment,
    paths: Paths,
    source: Arc<SourceFile>,
    warnings: Vec<String>,
}

impl Start {
    fn new(environment: &Environment) -> Self {
        let mut environment = environment.clone();
        let mut warnings = Vec::new();
        let state_dir = Paths::resolve(&environment).state_dir;
        dotenv::fill_from(
            &state_dir.join(".env"),
            |_| true,
            &mut environment,
            &mut warnings,
        );
        // Whoever can write into the folder that the program happens to be started in, a checkout or an agent at work,
        // must not say where its configuration is, or what the programs that it starts do.
        if state_dir != environment.cwd {
            dotenv::fill_from(
                &environment.cwd.join(".env"),
                dotenv::is_key,
                &mut environment,
                &mut warnings,
            );
        }
        environment.copy_old_names();
        let paths = Paths::resolve(&environment);
        let source = Arc::new(SourceFile {
            shown: environment.shown(&paths.config_file),
            path: paths.config_file.clone(),
        });
        Self {
            environment,
            paths,
            source,
            warnings,
        }
    }

    fn evaluate(self, raw: Option<String>, references: References) -> Result<Snapshot, LoadError> {
        let Self {
            mut environment,
            paths,
            source,
            mut warnings,
        } = self;
        let path = paths.config_file.clone();
        let parsed = match &raw {
            Some(text) => {
                spanned::parse(text, &source, &mut warnings).map_err(|issue| LoadError::Syntax {
                    path: path.clone(),
                    issues: vec![*issue],
                })?
            }
            None => empty(&source),
        };
        let include::Included { mut node, files } =
            include::resolve(parsed, &environment, &mut warnings).map_err(|mut issues| {
                sort_for_reading(&mut issues, &path);
                LoadError::Include {
                    path: path.clone(),
                    issues,
                }
            })?;
        let mut resolver = Resolver::new(references);
        env_block::fill_from(&node, &mut environment, &mut resolver);
        let met = substitute::substitute(&mut node, &environment, &mut resolver);
        let substitute::Met {
            mut issues,
            secrets,
            ..
        } = met;
        warnings.extend(met.warnings);
        let unasked = secrets.iter().filter(|secret| secret.value().is_none());
        let unasked: Vec<String> = unasked.map(|secret| secret.key.to_string()).collect();
        check(
            &node,
            &environment,
            &paths,
            &unasked,
            &mut issues,
            &mut warnings,
        );
        expand_home(&mut node, &environment);
        let value = node.to_value();
        let config = typed(&value, &node, &mut issues);
        let told = issues.iter_mut().flat_map(|issue| {
            let more = issue.suggestion.iter_mut().chain(&mut issue.expected);
            more.chain([&mut issue.message])
        });
        for text in told.chain(&mut warnings) {
            references::hide(&secrets, text);
        }
        let config = match config {
            Some(config) if issues.is_empty() => config,
            _ => {
                sort_for_reading(&mut issues, &path);
                return Err(LoadError::Invalid { path, issues });
            }
        };
        login_shell::import(&node, &mut environment, &mut warnings);
        Ok(Snapshot {
            exists: raw.is_some(),
            hash: hash(raw.as_deref().unwrap_or_default()),
            raw: raw.unwrap_or_default(),
            notices: schema::unbuilt(&value)
                .into_iter()
                .map(|key| format!("{key} is valid but this version does not act on it yet."))
                .collect(),
            config,
            value,
            secrets,
            includes: files,
            warnings,
            path,
            paths,
            environment,
            tree: node,
        })
    }
}

/// Adds everything that is wrong with the resolved tree to `issues`, which holds the missing variables so far. What the
/// keys in `unasked` say is not known.
fn check(
    node: &Node,
    environment: &Environment,
    paths: &Paths,
    unasked: &[String],
    issues: &mut Vec<Issue>,
    warnings: &mut Vec<String>,
) {
    let missing: Vec<String> = issues.iter().map(|issue| issue.path.clone()).collect();
    let legacy = legacy::check(node);
    let found = crosscheck::check(node, environment, paths);
    warnings.extend(found.warnings);
    let schema_issues = crate::validate::validate(json_schema::shared(), node)
        .into_iter()
        // A key of an older version is told once, with its new place.
        .filter(|issue| {
            !legacy
                .iter()
                .any(|old| is_same_or_under(&old.path, &issue.path))
        });
    let new: Vec<Issue> = schema_issues
        .chain(found.issues)
        // A text with something missing in it is not the text that the owner meant.
        .filter(|issue| !missing.contains(&issue.path) && !unasked.contains(&issue.path))
        .collect();
    issues.extend(legacy);
    issues.extend(new);
}

/// Whether `path` is `parent` or lies under it.
fn is_same_or_under(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The typed configuration. The schema comes from the same types, so that this fails only where the schema
/// can't say what the type wants, such as the exact size of a number.
fn typed(value: &Value, node: &Node, issues: &mut Vec<Issue>) -> Option<Config> {
    match serde_json::from_value(value.clone()) {
        Ok(config) => Some(config),
        Err(error) => {
            if issues.is_empty() {
                issues.push(Issue::at(&node.origin, &KeyPath::root(), error.to_string()));
            }
            None
        }
    }
}

fn empty(source: &Arc<SourceFile>) -> Node {
    Node {
        content: Content::Object(Vec::new()),
        origin: Origin {
            file: Arc::clone(source),
            line: 1,
            column: 1,
        },
    }
}

fn whole_file(source: &Arc<SourceFile>, message: String) -> Issue {
    let origin = Origin {
        file: Arc::clone(source),
        line: 0,
        column: 0,
    };
    Issue::at(&origin, &KeyPath::root(), message)
}
