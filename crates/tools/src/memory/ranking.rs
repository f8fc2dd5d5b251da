//! Which pieces answer a question best.
//!
//! The score by words is BM25 as FTS5 computes it, divided by that of the best piece for the question, so that the best
//! has 1. It has no measure beyond one question: so where words alone rank, the configured least score cuts nothing off;
//! only one that came with the question does. With vectors the score is a weighted sum of both, as in the original, but
//! with the BM25 scores there are (the original gives every piece with the words the same).

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, params};

use super::error::MemoryError;
use super::index::Index;
use super::settings::Ranking;
use super::vectors;
use super::words::{self, Word};

/// The most candidates of each kind, unless more results are asked for.
const MOST_CANDIDATES: usize = 200;

/// What is looked for.
pub(crate) struct Sought {
    pub(crate) words: Vec<Word>,
    /// The question's vector, where there is one.
    pub(crate) vector: Option<Vec<f32>>,
    /// Most pieces.
    pub(crate) most: usize,
    /// The least score asked for with the question.
    pub(crate) least: Option<f64>,
}

/// A piece that was found.
pub(crate) struct Hit {
    pub(crate) path: String,
    pub(crate) start_line: i64,
    pub(crate) end_line: i64,
    pub(crate) text: String,
    /// 0 to 1.
    pub(crate) score: f64,
}

/// The best pieces, the best first.
pub(crate) fn best(
    index: &Index,
    sought: &Sought,
    ranking: Ranking,
) -> Result<Vec<Hit>, MemoryError> {
    let pool = sought
        .most
        .saturating_mul(ranking.candidates.max(1))
        .min(MOST_CANDIDATES)
        .max(sought.most);
    index.read(|connection| {
        let by_words = by_words(connection, &sought.words, pool)?;
        let near = match &sought.vector {
            Some(vector) => vectors::nearness(connection, vector)?,
            None => HashMap::new(),
        };
        let mut hits = Vec::new();
        for id in candidates(&by_words, &near, pool) {
            let text = by_words.get(&id).copied().unwrap_or_default();
            let (score, least) = match near.get(&id) {
                Some(near) => (
                    (1.0 - ranking.text_weight) * near + ranking.text_weight * text,
                    sought.least.unwrap_or(ranking.min_score),
                ),
                None => (text, sought.least.unwrap_or_default()),
            };
            if score >= least {
                hits.push(read(connection, id, score)?);
            }
        }
        hits.sort_by(|a, b| {
            let place = |hit: &Hit| (hit.path.clone(), hit.start_line, hit.end_line);
            descending(a.score, b.score).then_with(|| place(a).cmp(&place(b)))
        });
        hits.truncate(sought.most);
        Ok(hits)
    })
}

fn descending(a: f64, b: f64) -> Ordering {
    b.total_cmp(&a)
}

/// The best by words and the nearest, each piece once.
fn candidates(by_words: &HashMap<i64, f64>, near: &HashMap<i64, f64>, pool: usize) -> HashSet<i64> {
    let mut nearest: Vec<(i64, f64)> = near.iter().map(|(id, near)| (*id, *near)).collect();
    nearest.sort_by(|a, b| descending(a.1, b.1).then(a.0.cmp(&b.0)));
    let nearest = nearest.into_iter().take(pool).map(|(id, _)| id);
    by_words.keys().copied().chain(nearest).collect()
}

/// The pieces with the most and rarest of the words; the best has 1.
fn by_words(
    connection: &Connection,
    words: &[Word],
    pool: usize,
) -> rusqlite::Result<HashMap<i64, f64>> {
    let Some(expression) = words::expression(words) else {
        return Ok(HashMap::new());
    };
    let pool = i64::try_from(pool).unwrap_or(i64::MAX);
    // FTS5 gives BM25 with its sign turned, so that the best comes first.
    let mut statement = connection.prepare_cached(
        "SELECT rowid, rank FROM words WHERE words MATCH ?1 ORDER BY rank, rowid LIMIT ?2",
    )?;
    let rows = statement.query_map(params![expression, pool], |row| {
        Ok((row.get(0)?, -row.get::<_, f64>(1)?))
    })?;
    let found: Vec<(i64, f64)> = rows.collect::<rusqlite::Result<_>>()?;
    let best = found.first().map_or(0.0, |(_, score)| *score);
    let relative = |score: f64| match best > 0.0 {
        true => (score / best).clamp(0.0, 1.0),
        false => 1.0,
    };
    Ok(found
        .iter()
        .map(|(id, score)| (*id, relative(*score)))
        .collect())
}

fn read(connection: &Connection, id: i64, score: f64) -> rusqlite::Result<Hit> {
    let mut statement = connection
        .prepare_cached("SELECT path, start_line, end_line, text FROM pieces WHERE id = ?1")?;
    statement.query_row([id], |row| {
        Ok(Hit {
            path: row.get(0)?,
            start_line: row.get(1)?,
            end_line: row.get(2)?,
            text: row.get(3)?,
            score,
        })
    })
}
