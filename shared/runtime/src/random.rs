//! The only source of secrets.

use rand::TryRngCore;
use rand::rand_core::OsError;
use rand::rngs::OsRng;

/// 256 bits that nobody can guess.
pub fn secret() -> Result<[u8; 32], OsError> {
    let mut secret = [0; 32];
    OsRng.try_fill_bytes(&mut secret)?;
    Ok(secret)
}
