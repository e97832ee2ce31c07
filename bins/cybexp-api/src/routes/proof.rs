//! The proof that this is the API of whoever has its secret, which a client on the same machine wants before it sends a
//! token: another process may have taken the port.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::{ApiError, Message, bad};

/// The length of a challenge, in bytes.
const CHALLENGE_BYTES: usize = 32;

/// A proof.
#[derive(Serialize, ToSchema)]
pub(crate) struct Proof {
    /// The proof in hex: HMAC-SHA256 over the port of the API and the challenge, with a key made of `identity.secret`.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    proof: String,
}

/// Let the API prove that it knows the secret of its site
#[utoipa::path(get, path = "/proof/{challenge}", params(
    ("challenge" = String, Path, description = "32 random bytes, in hex.")
), responses(
    (status = 200, description = "The proof.", body = Proof),
    (status = 400, description = "The challenge is not 32 bytes in hex.", body = Message),
))]
pub(crate) async fn proof(
    State(app): State<Arc<App>>,
    Path(challenge): Path<String>,
) -> Result<Json<Proof>, ApiError> {
    let mut bytes = [0; CHALLENGE_BYTES];
    hex::decode_to_slice(&challenge, &mut bytes).map_err(|error| bad("challenge", error))?;
    let proof = app.prover.prove(&bytes, app.port);
    Ok(Json(Proof { proof }))
}
