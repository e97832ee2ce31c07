//! Makes the started mongod the primary of its one-node replica set.

use bson::{Document, doc};

use crate::wire::{self, Connection};

/// The name of the set, as mongod is started with it.
pub(crate) const SET: &str = "rs0";

/// Error code of a server that has no replica set configuration.
const NOT_YET_INITIALIZED: i32 = 94;

/// The progress of a server towards taking writes.
pub(crate) enum ReplicaState {
    Primary,
    /// Not ready. The text names what is missing.
    Wait(String),
}

/// Makes one step towards the primary: starts the set, or gives it its new port if the folder was served on another one
/// before. Nothing is done unless the server on `port` is the process `pid`, because another mongod may have taken the
/// port.
pub(crate) fn step(port: u16, pid: u32) -> Result<ReplicaState, wire::WireError> {
    let mut server = Connection::open(port)?;
    let status =
        server.run(doc! { "serverStatus": 1, "metrics": 0, "wiredTiger": 0, "locks": 0 })?;
    if status.get_i64("pid").ok() != Some(i64::from(pid)) {
        return Ok(ReplicaState::Wait(format!(
            "another mongod listens on port {port}"
        )));
    }
    let hello = server.run(doc! { "hello": 1 })?;
    if hello.get_bool("isWritablePrimary").unwrap_or_default() {
        return Ok(ReplicaState::Primary);
    }
    let host = format!("127.0.0.1:{port}");
    match server.run(doc! { "replSetGetConfig": 1 }) {
        Ok(reply) => {
            let config = reply.get_document("config").cloned().unwrap_or_default();
            if host_of(&config) != Some(&host) {
                let version = config.get_i32("version").unwrap_or_default() + 1;
                server.run(
                    doc! { "replSetReconfig": with_host(config, version, host), "force": true },
                )?;
            }
        }
        Err(wire::WireError::Command {
            code: NOT_YET_INITIALIZED,
            ..
        }) => {
            let members = [doc! { "_id": 0, "host": host }];
            server.run(doc! { "replSetInitiate": { "_id": SET, "members": members.to_vec() } })?;
        }
        Err(other) => return Err(other),
    }
    Ok(ReplicaState::Wait("not primary yet".to_owned()))
}

fn host_of(config: &Document) -> Option<&str> {
    config
        .get_array("members")
        .ok()?
        .first()?
        .as_document()?
        .get_str("host")
        .ok()
}

fn with_host(mut config: Document, version: i32, host: String) -> Document {
    config.insert("version", version);
    config.insert("members", vec![doc! { "_id": 0, "host": host }]);
    // the old configuration's term, which a forced reconfiguration must not have
    config.remove("term");
    config
}
