//! The proof that what answers on this machine is the API, which a client wants before it sends a token or a password: any
//! user's process may take a free port.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cybexp_seal::Prover;
use rand::Rng;

use crate::{Client, ClientError};

/// The time for which a proof is believed. Another process cannot take the port while the API has it, and a request that
/// fails ends the belief.
const BELIEVED: Duration = Duration::from_secs(1);

/// The proof that a client wants.
#[derive(Debug)]
pub(crate) struct WantedProof {
    port: u16,
    prover: Prover,
    /// The time at which the API gave its last proof.
    given: Mutex<Option<Instant>>,
}

impl WantedProof {
    pub(crate) fn new(port: u16, prover: Prover) -> Self {
        Self {
            port,
            prover,
            given: Mutex::new(None),
        }
    }

    fn is_believed(&self) -> bool {
        let given = *self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.is_some_and(|at| at.elapsed() < BELIEVED)
    }

    /// Ends the belief, because a request failed: the API may have gone, and another process come.
    pub(crate) fn doubt(&self) {
        self.set(None);
    }

    fn set(&self, given: Option<Instant>) {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = given;
    }
}

impl Client {
    /// Has the API prove that it knows the prover's secret before a token or a password is sent to it, if the client's URL
    /// is where that API listens: on this machine, at this port.
    ///
    /// Nothing is checked where it could not be: if there is no prover, since this user may not read the secret; if the API is
    /// on another machine, where TLS is for that; or if a proxy stands in front of it on another port.
    pub fn wants_proof(mut self, prover: Option<(u16, Prover)>) -> Self {
        let direct = self.base.scheme() == "http" && self.is_local();
        let here = self.base.port_or_known_default();
        let wanted = prover.filter(|(port, _)| direct && here == Some(*port));
        self.proof = wanted.map(|(port, prover)| WantedProof::new(port, prover).into());
        self
    }

    /// Has the API give its proof, if one is wanted. The token is not sent.
    ///
    /// # Errors
    /// The API does not answer, or what answers is not the API.
    pub async fn prove(&self) -> Result<(), ClientError> {
        let Some(wanted) = &self.proof else {
            return Ok(());
        };
        if wanted.is_believed() {
            return Ok(());
        }
        let challenge: [u8; 32] = rand::rng().random();
        let proof = self.proof_for(&challenge).await?;
        if !wanted.prover.holds(&challenge, wanted.port, &proof) {
            return Err(ClientError::AnotherProcess(self.base.clone()));
        }
        wanted.set(Some(Instant::now()));
        Ok(())
    }

    async fn proof_for(&self, challenge: &[u8]) -> Result<String, ClientError> {
        let challenge: String = challenge.iter().map(|byte| format!("{byte:02x}")).collect();
        let request = self.http.get(self.url(&format!("proof/{challenge}")));
        let request = request.timeout(crate::CONNECT);
        let answer = self.send_as_stranger(request).await;
        let answer = match answer {
            Ok(answer) => self.json(answer).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => Ok(answer["proof"].as_str().unwrap_or_default().to_owned()),
            // another server has no such path
            Err(ClientError::NotTheApi(url)) => Err(ClientError::AnotherProcess(url)),
            Err(error) => Err(error),
        }
    }
}
