//! A connection to a MongoDB deployment.

use std::time::Duration;

use bson::{Document, doc};
use mongodb::Client;
use mongodb::options::{ClientOptions, WriteConcern};

use crate::error::StoreError;
use crate::mongo::collection::Documents;
use crate::mongo::operation::timed;

/// Time that a command waits for a server, before it fails and the caller backs off.
const SELECTION: Duration = Duration::from_secs(5);

/// A pool of connections; cheap to clone.
#[derive(Debug, Clone)]
pub struct Server(Client);

impl Server {
    /// Connects lazily: the first command fails if the server is away.
    pub async fn connect(url: &str, app_name: &str) -> Result<Self, StoreError> {
        let mut options = ClientOptions::parse(url)
            .await
            .map_err(|error| StoreError::Url(error.to_string()))?;
        options.app_name.get_or_insert(app_name.to_owned());
        options.server_selection_timeout.get_or_insert(SELECTION);
        options.connect_timeout.get_or_insert(SELECTION);
        options
            .write_concern
            .get_or_insert(WriteConcern::majority());
        let client = Client::with_options(options);
        client
            .map(Self)
            .map_err(|error| StoreError::Url(error.to_string()))
    }

    /// Whether the server answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let pong = self.command("asking the server for a ping", doc! {"ping": 1});
        pong.await.map(drop)
    }

    /// Drops a whole database, for the demo and the tests.
    pub async fn drop_database(&self, db: &str) -> Result<(), StoreError> {
        timed("dropping a database", self.0.database(db).drop()).await
    }

    /// Runs a command of the admin database under an operation's name.
    pub(crate) async fn command(
        &self,
        name: &'static str,
        mut command: Document,
    ) -> Result<Document, StoreError> {
        command.insert("comment", name);
        timed(name, self.0.database("admin").run_command(command)).await
    }

    pub(crate) fn collection(&self, db: &str, coll: &str) -> Documents {
        Documents::new(self.0.database(db).collection(coll))
    }
}
