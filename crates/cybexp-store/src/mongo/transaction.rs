//! Transactions: several writes that become visible together or not at all.

use std::time::{Duration, Instant};

use bson::RawDocumentBuf;
use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use mongodb::ClientSession;
use mongodb::error::{Error, ErrorKind};
use mongodb::options::WriteConcern;

use crate::error::{Doing, StoreError};
use crate::mongo::collection::Documents;
use crate::mongo::operation::Clock;

/// Time for which a transaction is repeated after a conflict or a lost connection. The driver alone would go on for two
/// minutes, while somebody waits for the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Documents to insert into a collection.
pub(crate) type Part<'a> = (&'a Documents, Vec<RawDocumentBuf>);

/// Inserts all documents in one transaction.
pub(crate) async fn insert(
    session: &mut ClientSession,
    doing: &'static str,
    parts: &[Part<'_>],
) -> Result<(), Error> {
    for (coll, documents) in parts.iter().filter(|(_, new)| !new.is_empty()) {
        let insert = coll.named(doing).insert_many(documents).part();
        insert.session(&mut *session).await?;
    }
    Ok(())
}

/// Runs `work` in a transaction on the server of `coll`, and waits until a majority has it. `work` is run again after a
/// conflict with another transaction. It takes its data from `context`, because the compiler does not recognise a
/// future as `Send` if a closure borrows from it (rust-lang/rust#96865).
pub(crate) async fn run<C: Send, R: Send + 'static>(
    coll: &Documents,
    doing: &'static str,
    context: C,
    work: for<'a> fn(&'a mut ClientSession, &'a mut C) -> BoxFuture<'a, Result<R, Error>>,
) -> Result<R, StoreError> {
    let client = coll.driver().client();
    let mut session = client.start_session().await.doing(doing)?;
    let mut clock = Clock::new(doing);
    let began = Instant::now();
    let transaction = session
        .start_transaction()
        .write_concern(WriteConcern::majority())
        .and_run(context, |session, context| {
            let done = work(session, context);
            done.map_err(move |error| {
                // the driver has already waited for a server to return
                let away = matches!(*error.kind, ErrorKind::ServerSelection { .. });
                match away || began.elapsed() > PATIENCE {
                    // without the label that makes the driver start again
                    true => Error::custom(error),
                    false => error,
                }
            })
            .boxed()
        });
    let done = clock.wait(transaction).await;
    let done = done.map_err(|error| match error.get_custom::<Error>() {
        Some(cause) => cause.clone(),
        None => error,
    });
    clock.end(done)
}
