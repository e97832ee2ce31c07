//! The part of MongoDB's wire protocol that making a replica set needs: one OP_MSG out, one back.
//! <https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/>
//!
//! Written by hand, because only `cybexp-store` may use the driver.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use bson::Document;

const OP_MSG: i32 = 2013;
const HEADER_BYTES: usize = 16;
/// Bytes of the flags (4), and the kind of the only section (1).
const PREFIX_BYTES: usize = 5;
/// Limit of a message in bytes, the maxMessageSizeBytes of every server so far.
const MESSAGE_BYTES_MAX: usize = 48_000_000;
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("not a reply of a MongoDB server: {0}")]
    Reply(String),
    #[error("{command}: {message} (code {code})")]
    Command {
        command: String,
        code: i32,
        message: String,
    },
}

pub(crate) struct Connection {
    stream: TcpStream,
}

impl Connection {
    pub(crate) fn open(port: u16) -> Result<Self, WireError> {
        let stream =
            TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self { stream })
    }

    /// Runs a command against `admin` and returns the reply, if it has `ok: 1`.
    pub(crate) fn run(&mut self, mut command: Document) -> Result<Document, WireError> {
        let name = command.keys().next().cloned().unwrap_or_default();
        command.insert("$db", "admin");
        self.stream.write_all(&message(&command)?)?;
        let reply = self.receive()?;
        // a double from mongod, an integer from some proxies
        let ok = reply
            .get("ok")
            .is_some_and(|ok| ok.as_f64() == Some(1.0) || ok.as_i32() == Some(1));
        if ok {
            return Ok(reply);
        }
        Err(WireError::Command {
            command: name,
            code: reply.get_i32("code").unwrap_or_default(),
            message: reply.get_str("errmsg").unwrap_or("no errmsg").to_owned(),
        })
    }

    fn receive(&mut self) -> Result<Document, WireError> {
        let mut header = [0; HEADER_BYTES];
        self.stream.read_exact(&mut header)?;
        let length = usize::try_from(int_at(&header, 0)).unwrap_or_default();
        let op = int_at(&header, 12);
        if op != OP_MSG || !(HEADER_BYTES + PREFIX_BYTES..=MESSAGE_BYTES_MAX).contains(&length) {
            return Err(WireError::Reply(format!(
                "operation {op} of {length} bytes"
            )));
        }
        let mut body = vec![0; length - HEADER_BYTES];
        self.stream.read_exact(&mut body)?;
        Document::from_reader(&body[PREFIX_BYTES..]).map_err(|e| WireError::Reply(e.to_string()))
    }
}

fn int_at(bytes: &[u8; HEADER_BYTES], at: usize) -> i32 {
    i32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn message(command: &Document) -> Result<Vec<u8>, WireError> {
    let body = command
        .to_vec()
        .map_err(|e| WireError::Reply(e.to_string()))?;
    let length =
        i32::try_from(HEADER_BYTES + PREFIX_BYTES + body.len()).map_err(io::Error::other)?;
    let mut out = Vec::with_capacity(HEADER_BYTES + PREFIX_BYTES + body.len());
    // one request at a time, so its id has no meaning
    for int in [length, 1, 0, OP_MSG, 0] {
        out.extend_from_slice(&int.to_le_bytes());
    }
    out.push(0);
    out.extend_from_slice(&body);
    Ok(out)
}
