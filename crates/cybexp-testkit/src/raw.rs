//! Direct access to stored documents, to write those that the suite never writes, and to see those that it wrote.

use bson::Document;
use mongodb::{Client, Collection};
use serde_json::Value;

use crate::Site;

impl Site {
    /// Returns a collection of the database that `section` of the configuration names.
    pub async fn collection(&self, section: &str, coll: &str) -> Collection<Document> {
        let text = std::fs::read_to_string(&self.config).expect("the configuration is there");
        let config: Value = serde_json::from_str(&text).expect("it is JSON");
        let text = |key: &str| {
            config[section][key]
                .as_str()
                .expect("the section is complete")
        };
        let client = Client::with_uri_str(text("mongo_url"))
            .await
            .expect("a valid URL");
        client.database(text("db")).collection(coll)
    }
}
