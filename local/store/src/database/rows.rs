use rusqlite::{Connection, OptionalExtension, Row, params};
use xray_document::{SegmentId, Timestamp, TraceId};

use crate::fields::DocumentFields;
use crate::index::Index;

/// Writes a document and returns its sequence number. Deletes the document with the
/// sequence number `replaces`.
pub(crate) fn write_document(
    connection: &Connection,
    fields: &DocumentFields,
    json: &str,
    replaces: Option<i64>,
    revision: u64,
    received: Timestamp,
) -> rusqlite::Result<i64> {
    if let Some(replaced) = replaces {
        connection
            .prepare_cached("DELETE FROM documents WHERE sequence = ?1")?
            .execute([replaced])?;
        connection
            .prepare_cached("DELETE FROM bodies WHERE sequence = ?1")?
            .execute([replaced])?;
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO documents
             (trace_id, id, segment, start_time, end_time, latest, bytes, revision, received)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    insert.execute(params![
        trace_key(fields.trace_id),
        fields.id.as_u64().cast_signed(),
        fields.is_segment,
        fields.start.as_micros(),
        fields.end.map(Timestamp::as_micros),
        fields.latest.as_micros(),
        fields.bytes as i64,
        revision.cast_signed(),
        received.as_micros(),
    ])?;
    let sequence = connection.last_insert_rowid();
    let mut insert =
        connection.prepare_cached("INSERT INTO bodies (sequence, json) VALUES (?1, ?2)")?;
    insert.execute(params![sequence, json])?;
    Ok(sequence)
}

pub(crate) fn write_limit_exceeded(connection: &Connection, id: TraceId) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO limit_exceeded (trace_id) VALUES (?1)")?
        .execute([trace_key(id)])?;
    Ok(())
}

pub(crate) fn write_telemetry(
    connection: &Connection,
    json: &str,
    received: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO telemetry (received, json) VALUES (?1, ?2)")?
        .execute(params![received.as_micros(), json])?;
    Ok(())
}

/// Adds to `index` all documents with a sequence number after its last one, and all traces
/// that exceeded their size limit.
pub(crate) fn load_new_documents(
    connection: &Connection,
    index: &mut Index,
) -> rusqlite::Result<()> {
    let mut select = connection.prepare_cached(
        "SELECT sequence, trace_id, id, segment, start_time, end_time, latest, bytes, revision, received
         FROM documents WHERE sequence > ?1 ORDER BY sequence",
    )?;
    let mut rows = select.query([index.last_sequence])?;
    while let Some(row) = rows.next()? {
        let (sequence, revision, fields) = read_document(row)?;
        let received = Timestamp::from_micros(row.get(9)?);
        index.insert(sequence, revision, &fields, received);
    }
    let mut select = connection.prepare_cached("SELECT trace_id FROM limit_exceeded")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        index.set_limit_exceeded(TraceId::from_u128(u128::from_be_bytes(row.get(0)?)));
    }
    Ok(())
}

fn read_document(row: &Row<'_>) -> rusqlite::Result<(i64, u64, DocumentFields)> {
    let end: Option<i64> = row.get(5)?;
    let fields = DocumentFields {
        trace_id: TraceId::from_u128(u128::from_be_bytes(row.get(1)?)),
        id: SegmentId::from_u64(row.get::<_, i64>(2)?.cast_unsigned()),
        is_segment: row.get(3)?,
        start: Timestamp::from_micros(row.get(4)?),
        end: end.map(Timestamp::from_micros),
        latest: Timestamp::from_micros(row.get(6)?),
        bytes: usize::try_from(row.get::<_, i64>(7)?).unwrap_or(0),
    };
    Ok((row.get(0)?, row.get::<_, i64>(8)?.cast_unsigned(), fields))
}

/// Returns the JSON of one document; `None` if it has been replaced or purged.
pub(crate) fn read_body(
    connection: &Connection,
    sequence: i64,
) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT json FROM bodies WHERE sequence = ?1")?
        .query_row([sequence], |row| row.get(0))
        .optional()
}

/// Removes the traces whose last document was received before `cutoff`, and with them the
/// telemetry records from before it.
pub(crate) fn purge(connection: &mut Connection, cutoff: Timestamp) -> rusqlite::Result<()> {
    let cutoff = cutoff.as_micros();
    let oldest: Option<i64> = connection
        .query_row(
            "SELECT received FROM documents ORDER BY sequence LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()?;
    if oldest.is_none_or(|oldest| oldest >= cutoff) {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    transaction.execute(
        "CREATE TEMP TABLE purged AS
             SELECT trace_id FROM documents GROUP BY trace_id HAVING max(received) < ?1",
        [cutoff],
    )?;
    transaction.execute_batch(
        "DELETE FROM bodies WHERE sequence IN
             (SELECT sequence FROM documents WHERE trace_id IN (SELECT trace_id FROM purged));
         DELETE FROM documents WHERE trace_id IN (SELECT trace_id FROM purged);
         DELETE FROM limit_exceeded WHERE trace_id IN (SELECT trace_id FROM purged);
         DROP TABLE purged;",
    )?;
    transaction.execute("DELETE FROM telemetry WHERE received < ?1", [cutoff])?;
    transaction.commit()
}

fn trace_key(id: TraceId) -> [u8; 16] {
    id.as_u128().to_be_bytes()
}
