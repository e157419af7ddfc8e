//! Telephony adapters: whether a delivery is its sender's, and what it tells.
//!
//! Pure: no IO, no clock, nothing asynchronous. Unverified bytes cannot be read, since [`Adapter::normalise`] takes a
//! [`Verified`] and only a MAC that matched makes one. To add a provider, write its file and its line in
//! [`Provider`]; the compiler and the contract test, which walks [`Provider::ALL`], ask for the rest.

mod convin;
mod delivery;
mod envelope;
mod facts;
mod provider;
mod signature;
mod telephony;
mod verified;

pub use delivery::Delivery;
pub use envelope::{Context, Malformed, Normalised};
pub use provider::{Adapter, Provider};
pub use signature::Secrets;
pub use verified::{Rejected, SealedDelivery, Verified};
