//! The vectors of the index: kept as they came, compared here.

use std::collections::HashMap;

use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use super::error::MemoryError;
use super::index::Index;

/// Texts of pieces that have no vector yet, each once, at most this many.
pub(crate) fn missing(index: &Index, most: usize) -> Result<Vec<String>, MemoryError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    index.read(|connection| {
        let mut statement = connection.prepare(
            "SELECT text FROM pieces WHERE hash NOT IN (SELECT hash FROM vectors)
             GROUP BY hash ORDER BY min(id) LIMIT ?1",
        )?;
        let rows = statement.query_map([most], |row| row.get(0))?;
        rows.collect()
    })
}

/// Keeps the vector of each text; an empty one says that there is none to be had.
pub(crate) fn keep(index: &mut Index, vectors: &[(String, Vec<f32>)]) -> Result<(), MemoryError> {
    index.write(|transaction| {
        let mut put = transaction
            .prepare_cached("INSERT OR IGNORE INTO vectors (hash, vector) VALUES (?1, ?2)")?;
        for (text, vector) in vectors {
            let bytes: Vec<u8> = vector
                .iter()
                .flat_map(|number| number.to_le_bytes())
                .collect();
            put.execute(params![Sha256::digest(text.as_bytes()).to_vec(), bytes])?;
        }
        Ok(())
    })
}

/// How near each piece with a vector is to the question, 0 to 1, by the piece's id.
pub(crate) fn nearness(
    connection: &Connection,
    question: &[f32],
) -> rusqlite::Result<HashMap<i64, f64>> {
    let mut statement = connection.prepare(
        "SELECT pieces.id, vectors.vector FROM pieces JOIN vectors ON vectors.hash = pieces.hash",
    )?;
    let mut rows = statement.query([])?;
    let mut near = HashMap::new();
    while let Some(row) = rows.next()? {
        let bytes = row.get_ref(1)?.as_blob()?;
        if bytes.len() == size_of_val(question) {
            near.insert(row.get(0)?, cosine(question, bytes));
        }
    }
    Ok(near)
}

/// The cosine of two vectors of one length, the second as kept; 0 instead of less, and where one has no length.
fn cosine(question: &[f32], kept: &[u8]) -> f64 {
    let (mut product, mut first, mut second) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (number, bytes) in question.iter().zip(kept.as_chunks::<4>().0) {
        let (a, b) = (f64::from(*number), f64::from(f32::from_le_bytes(*bytes)));
        product += a * b;
        first += a * a;
        second += b * b;
    }
    let cosine = product / (first.sqrt() * second.sqrt());
    // What a damaged file holds may be no number.
    if cosine.is_finite() {
        cosine.clamp(0.0, 1.0)
    } else {
        0.0
    }
}
