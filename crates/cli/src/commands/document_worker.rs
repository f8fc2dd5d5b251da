//! `moltbot document-worker`: the process in which one document is taken apart.

/// Reads the document on standard input and tells standard output what is in it.
pub(crate) fn run() {
    moltbot_tools::documents::work(std::io::stdin(), std::io::stdout());
}
