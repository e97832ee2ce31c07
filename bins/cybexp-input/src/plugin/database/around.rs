//! A page with rows that cannot be read: all the others of it are taken.

use futures::TryStreamExt;

use super::connection::{DatabaseConnection, DatabaseRow, Span};
use super::page::{PAGE_BYTES, RowPage, Twins};
use super::walk::RowWalk;

/// Rows that cannot be read, in one page: with this many it ends.
const UNREADABLE: usize = 100;

/// Whether an error is one of what a row holds: a cast that fails, bytes that are no text, a function that refuses them.
/// Another row may well be read.
pub(super) fn is_of_a_row(error: &anyhow::Error) -> bool {
    let Some(error) = error.downcast_ref::<sqlx::Error>() else {
        return false;
    };
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            match code.len() {
                // SQLSTATE: data, cardinality, limits, functions of others, RAISE, and what is damaged
                5 => {
                    let class = &code[..2];
                    matches!(class, "21" | "22" | "38" | "39" | "54")
                        || matches!(&*code, "P0001" | "XX000" | "XX001")
                }
                // SQLite: ERROR, TOOBIG, MISMATCH; the query itself was understood before
                _ => matches!(&*code, "1" | "18" | "20"),
            }
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => true,
        _ => false,
    }
}

/// Reads a page that could not be read at once, in ever smaller parts, down to the rows at fault.
///
/// Its rows are found by the cursor alone, so even where the database has to sort all rows, it reads only those of a part
/// whole.
///
/// # Errors
/// When no row of it can be read: then it is hardly the rows that are wrong.
pub(super) async fn read(
    walk: &RowWalk<'_>,
    connection: &mut dyn DatabaseConnection,
    first: anyhow::Error,
) -> anyhow::Result<RowPage> {
    connection.undo().await?;
    connection.begin().await?;
    let span = walk.span();
    let Ok(spots) = connection.spots(span).await else {
        return Err(first);
    };
    connection.end().await?;
    let mut page = walk.page();
    let mut twins = Twins::default();
    let (mut read, mut failed, mut begin) = (0, 0, 0);
    // the ends of the parts that are still to be read, the next one last
    let mut ends = vec![spots.len()];
    ends.retain(|end| *end > begin);
    while let Some(&end) = ends.last() {
        let before = begin.checked_sub(1).map(|last| &spots[last]);
        let part = Span {
            // what equals the end of the part before was read with it, though it may be written otherwise
            from: before.map_or(span.from, |spot| Some(&spot.at)),
            with_from: before.is_none(),
            // behind what is no place there is nothing else
            to: Some(&spots[end - 1].at).filter(|at| !at.is_null()),
            // rows that came since are among them
            limit: u64::from(u32::MAX),
        };
        connection.begin().await?;
        match rows(connection, part).await {
            Ok(Some(mut rows)) => {
                connection.end().await?;
                read += rows.len();
                let beyond = before.is_some_and(|spot| spot.beyond);
                for row in &mut rows {
                    row.beyond |= beyond;
                }
                let mut group = rows.into_iter().map(|row| (twins.key(&row), row)).collect();
                walk.sort_out(&mut group, &mut page).await?;
                begin = end;
                ends.pop();
            }
            Ok(None) if end - begin > 1 => {
                connection.undo().await?;
                ends.push(begin + (end - begin) / 2);
            }
            Ok(None) => return Err(first),
            Err(error) if !is_of_a_row(&error) => return Err(error),
            Err(_) if end - begin > 1 => {
                connection.undo().await?;
                ends.push(begin + (end - begin) / 2);
            }
            Err(error) => {
                connection.undo().await?;
                let spot = &spots[begin];
                // the cursor does not tell them apart
                let alike = spots[begin..]
                    .iter()
                    .take_while(|other| other.at == spot.at);
                let alike = alike.count();
                walk.pass(spot, alike, error, &mut page).await?;
                failed += 1;
                begin += alike;
                ends.retain(|end| *end > begin);
            }
        }
        if page.new_bytes >= PAGE_BYTES || failed >= UNREADABLE {
            page.cut = true;
            break;
        }
    }
    if read == 0 && !page.unreadable.is_empty() {
        return Err(first);
    }
    page.cut |= spots.len() as u64 >= span.limit;
    Ok(page)
}

/// The rows of a part; `None` if they are too long for one.
async fn rows(
    connection: &mut dyn DatabaseConnection,
    part: Span<'_>,
) -> anyhow::Result<Option<Vec<DatabaseRow>>> {
    let mut stream = connection.rows(part);
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = stream.try_next().await? {
        bytes += row.json.len();
        if bytes > PAGE_BYTES {
            return Ok(None);
        }
        rows.push(row);
    }
    Ok(Some(rows))
}
