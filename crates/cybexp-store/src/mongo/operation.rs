//! Named operations: each command to the server is timed, and sent with the name under which the server logs it.
//!
//! [`Documents`](crate::mongo::collection::Documents) only starts commands with a name, so no caller can forget it.

use std::future::{Future, IntoFuture};
use std::time::{Duration, Instant};

use bson::RawDocumentBuf;
use futures::TryStreamExt;
use mongodb::Cursor;
use mongodb::error::{Error, ErrorKind, WriteFailure};

use crate::error::{Doing, StoreError};
use crate::mongo::spent;

/// A command that can be sent.
pub(crate) struct Operation<C> {
    name: &'static str,
    command: C,
}

impl<C> Operation<C> {
    pub(super) fn new(name: &'static str, command: C) -> Self {
        Self { name, command }
    }

    /// Sets options of the command.
    pub(crate) fn with<D>(self, options: impl FnOnce(C) -> D) -> Operation<D> {
        Operation {
            name: self.name,
            command: options(self.command),
        }
    }

    /// Returns the command as a part of a transaction, which is timed as a whole. The driver's error shows whether the
    /// transaction must be started again.
    pub(crate) fn part(self) -> C {
        self.command
    }

    /// Sends the command and waits for the reply.
    ///
    /// # Errors
    /// The driver's error, with the name of the operation.
    pub(crate) async fn send<T>(self) -> Result<T, StoreError>
    where
        C: IntoFuture<Output = Result<T, Error>>,
    {
        timed(self.name, self.command).await
    }

    /// Sends a command whose reply is a cursor.
    ///
    /// # Errors
    /// The driver's error, with the name of the operation.
    pub(crate) async fn rows(self) -> Result<Rows, StoreError>
    where
        C: IntoFuture<Output = Result<Cursor<RawDocumentBuf>, Error>>,
    {
        let mut clock = Clock::new(self.name);
        let cursor = clock.wait(self.command.into_future()).await;
        let cursor = clock.end(cursor)?;
        Ok(Rows { clock, cursor })
    }
}

/// The documents of a cursor, as they arrive. The operation's time ends with the last document that was requested.
pub(crate) struct Rows {
    clock: Clock,
    cursor: Cursor<RawDocumentBuf>,
}

impl Rows {
    /// Returns the next document.
    ///
    /// # Errors
    /// The driver's error, with the name of the operation.
    pub(crate) async fn next(&mut self) -> Result<Option<RawDocumentBuf>, StoreError> {
        let next = self.clock.wait(self.cursor.try_next()).await;
        self.clock.end(next)
    }

    /// Returns all remaining documents. Only for queries whose number of results is bounded by the request.
    ///
    /// # Errors
    /// As [`Rows::next`].
    pub(crate) async fn all(mut self) -> Result<Vec<RawDocumentBuf>, StoreError> {
        let all = self.clock.wait(self.cursor.try_collect()).await;
        self.clock.end(all)
    }

    /// Returns the name of the operation.
    pub(super) fn name(&self) -> &'static str {
        self.clock.name
    }
}

/// Waits for a reply of the server, and counts the time for the operation of this name.
pub(super) async fn timed<T>(
    name: &'static str,
    command: impl IntoFuture<Output = Result<T, Error>>,
) -> Result<T, StoreError> {
    let mut clock = Clock::new(name);
    let reply = clock.wait(command.into_future()).await;
    clock.end(reply)
}

/// Measures the time of one operation, which may take several round trips. It is counted even if the operation is
/// dropped.
#[derive(Debug)]
pub(super) struct Clock {
    name: &'static str,
    waited: Duration,
    since: Option<Instant>,
    failed: bool,
}

impl Clock {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            waited: Duration::ZERO,
            since: None,
            failed: false,
        }
    }

    /// Waits for the server.
    pub(super) async fn wait<T>(&mut self, reply: impl Future<Output = T>) -> T {
        self.since = Some(Instant::now());
        let reply = reply.await;
        self.stop();
        reply
    }

    /// Returns the reply, or the error with the name of the operation.
    pub(super) fn end<T>(&mut self, reply: Result<T, Error>) -> Result<T, StoreError> {
        self.failed |= reply.as_ref().is_err_and(|error| !refuses_documents(error));
        reply.doing(self.name)
    }

    fn stop(&mut self) {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
    }
}

/// Whether the server only refused documents, as it does those that another writer has just written.
fn refuses_documents(error: &Error) -> bool {
    match &*error.kind {
        ErrorKind::InsertMany(refused) => refused.write_concern_error.is_none(),
        ErrorKind::Write(failure) => matches!(failure, WriteFailure::WriteError(_)),
        _ => false,
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.stop();
        spent::count(self.name, self.waited, self.failed);
    }
}
