//! A body that is read, and a look at its first bytes.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// A body that is read.
pub(crate) type BodyReader = Box<dyn AsyncRead + Send + Unpin>;

/// The first bytes of a body, and all of it.
pub(crate) async fn peeked(
    mut body: BodyReader,
    bytes: usize,
) -> io::Result<(Vec<u8>, BodyReader)> {
    let mut head = Vec::with_capacity(bytes);
    (&mut body)
        .take(bytes as u64)
        .read_to_end(&mut head)
        .await?;
    let whole = io::Cursor::new(head.clone()).chain(body);
    Ok((head, Box::new(whole)))
}
