//! Signing in, users and organisations.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::{Client, ClientError};

impl Client {
    /// Returns a client of the same API with another token. Both share their connections.
    pub fn with_token(&self, token: SecretString) -> Self {
        Self {
            token: Some(token),
            ..self.clone()
        }
    }

    /// Asks for a token of this user.
    pub async fn login(
        &self,
        email: &str,
        password: &SecretString,
    ) -> Result<SecretString, ClientError> {
        self.prove().await?;
        let login = json!({"email": email, "password": password.expose_secret()});
        let answer = self.post("login", &login).await?;
        let token = answer["token"].as_str();
        let token = token.ok_or_else(|| ClientError::NotTheApi(self.base.clone()))?;
        Ok(token.into())
    }

    /// Revokes the token of this client.
    pub async fn logout(&self) -> Result<(), ClientError> {
        self.post("logout", &json!({})).await.map(drop)
    }

    /// Returns the documents of the organisations that the token's user is an admin of.
    pub async fn orgs_admin_of(&self) -> Result<Value, ClientError> {
        self.result("orgs/admin_of").await
    }

    /// Returns the documents of the organisations that the token's user is a user of.
    pub async fn orgs_user_of(&self) -> Result<Value, ClientError> {
        self.result("orgs/user_of").await
    }

    /// Returns the users and admins of an organisation as documents, and its access list as hashes. Admins only.
    pub async fn org_info(&self, org: &str) -> Result<Value, ClientError> {
        let mut answer = self.post("org/info", &json!({"org_hash": org})).await?;
        Ok(answer["result"].take())
    }

    /// Adds users to an organisation, as `user`, `admin` or `acl`. Returns the message of the API. Admins only.
    pub async fn org_add(
        &self,
        org: &str,
        users: &[String],
        to: &str,
    ) -> Result<String, ClientError> {
        let change = json!({"org_hash": org, "user": users, "add_to": to});
        self.change("org/add/user", &change).await
    }

    /// Removes users from an organisation: from its `user`s, `admin`s, `acl`, or `all`. Returns the message of the API.
    /// Admins only.
    pub async fn org_remove(
        &self,
        org: &str,
        users: &[String],
        from: &str,
    ) -> Result<String, ClientError> {
        let change = json!({"org_hash": org, "user": users, "del_from": from});
        self.change("org/del/user", &change).await
    }

    /// Creates a user. Returns the message of the API. Superusers only.
    pub async fn create_user(
        &self,
        email: &str,
        name: &str,
        password: &SecretString,
    ) -> Result<String, ClientError> {
        let password = password.expose_secret();
        let new =
            json!({"email": email, "name": name, "password": password, "password2": password});
        self.change("create/user", &new).await
    }

    /// Creates an organisation with one admin, who is its first user. Returns the message of the API. Superusers only.
    pub async fn create_org(
        &self,
        orgname: &str,
        name: &str,
        admin: &str,
    ) -> Result<String, ClientError> {
        let new = json!({"orgname": orgname, "name": name, "user": admin, "admin": admin});
        self.change("create/org", &new).await
    }

    async fn change(&self, path: &str, body: &Value) -> Result<String, ClientError> {
        let answer = self.post(path, body).await?;
        Ok(answer["message"].as_str().unwrap_or_default().to_owned())
    }
}
