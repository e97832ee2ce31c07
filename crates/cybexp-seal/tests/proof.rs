#![allow(clippy::unwrap_used, missing_docs)]
//! Proofs of the API.

use cybexp_seal::Prover;

#[test]
fn a_proof_holds_for_its_secret_challenge_and_port() {
    let prover = Prover::new(&"a secret".into());
    let proof = prover.prove(b"challenge", 5000);
    assert!(prover.holds(b"challenge", 5000, &proof));
    assert!(!prover.holds(b"challenge", 5001, &proof));
    assert!(!prover.holds(b"challengf", 5000, &proof));
    assert!(!Prover::new(&"another".into()).holds(b"challenge", 5000, &proof));
    for wrong in [
        "",
        "x",
        &proof[2..],
        &proof.replace('a', "b").replace('0', "1"),
    ] {
        assert!(!prover.holds(b"challenge", 5000, wrong), "{wrong}");
    }
    assert!(!format!("{prover:?}").contains("secret"));
}
