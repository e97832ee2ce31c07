//! `cybexp membership`: a user's own organisations and invitations, through the API.

use std::process::ExitCode;

use clap::Subcommand;
use cybexp_client::Client;
use cybexp_service::Config;
use cybexp_term::{self as term, GREEN};
use serde_json::{Value, json};
use tahoe_core::Org;

use super::api::ApiArgs;

#[derive(Subcommand)]
pub(crate) enum MembershipCommand {
    /// List the organisations that the token's user belongs to, and those that have invited the user
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Accept an invitation
    Accept(OneOrg),
    /// Decline an invitation
    Decline(OneOrg),
    /// Leave an organisation: its data is no longer seen, and its admins no longer act for the user
    Leave(OneOrg),
}

#[derive(clap::Args)]
pub(crate) struct OneOrg {
    /// The organisation's name or hash
    org: String,
    #[command(flatten)]
    api: ApiArgs,
}

pub(super) async fn run(action: MembershipCommand, config: &Config) -> anyhow::Result<ExitCode> {
    match action {
        MembershipCommand::List { json, api } => {
            list(&api.client(config).await?, json).await?;
        }
        MembershipCommand::Accept(it) => it.send(config, "user/invitations/accept").await?,
        MembershipCommand::Decline(it) => it.send(config, "user/invitations/decline").await?,
        MembershipCommand::Leave(it) => it.send(config, "org/leave").await?,
    }
    Ok(ExitCode::SUCCESS)
}

impl OneOrg {
    async fn send(&self, config: &Config, path: &str) -> anyhow::Result<()> {
        let client = self.api.client(config).await?;
        let org = json!({"org_hash": Org::hash_named(&self.org)});
        let answer = client.post(path, &org).await?;
        let message = answer["message"].as_str().unwrap_or_default();
        anstream::eprintln!("{GREEN}✓{GREEN:#} {}", term::line(message));
        Ok(())
    }
}

async fn list(client: &Client, json: bool) -> anyhow::Result<()> {
    let admin_of = client.admin_of().await?;
    let orgs = client.orgs().await?;
    let invitations = client.invitations().await?;
    if json {
        let all = json!({"orgs": orgs, "invitations": invitations});
        anstream::println!("{}", term::json(&all));
        return Ok(());
    }
    let mut table = term::table(&["orgname", "name", "membership", "hash"]);
    let mut row = |orgname: &Value, name: &Value, membership: &str, hash: &Value| {
        let text = |value: &Value| term::short(value.as_str().unwrap_or_default());
        let hash = term::id(hash.as_str().unwrap_or_default());
        table.add_row([text(orgname), text(name), term::short(membership), hash]);
    };
    for org in orgs.as_array().into_iter().flatten() {
        let hash = &org["_hash"];
        let is_admin = admin_of.iter().any(|of| hash == of.as_str());
        let membership = if is_admin { "admin" } else { "user" };
        let data = &org["data"];
        row(&data["orgname"][0], &data["name"][0], membership, hash);
    }
    for it in invitations.as_array().into_iter().flatten() {
        let offered = it["membership"].as_str().unwrap_or_default();
        let membership = format!("invited as {offered}");
        row(&it["orgname"], &it["name"], &membership, &it["org_hash"]);
    }
    anstream::println!("{table}");
    Ok(())
}
