//! Any telephony system that signs the body and speaks our envelope.

use domain::ids::ExternalId;

use crate::delivery::Delivery;
use crate::envelope::{self, Context, Malformed, Normalised};
use crate::provider::{Adapter, Provider};
use crate::signature::{self, Secrets};
use crate::verified::{Rejected, Verified};

pub(crate) struct Telephony;

impl Adapter for Telephony {
    fn verify<'a>(&self, delivery: &'a Delivery<'_>, secrets: &Secrets) -> Result<Verified<'a>, Rejected> {
        signature::verify(Provider::Telephony, delivery, secrets)
    }

    fn normalise(&self, delivery: &Verified<'_>, context: &Context<'_>) -> Result<Normalised, Malformed> {
        envelope::read(delivery.body(), context)
    }

    fn subject(&self, delivery: &Verified<'_>) -> Option<ExternalId> {
        envelope::subject(delivery.body())
    }

    fn event_types(&self) -> &'static [&'static str] {
        &envelope::EVENT_TYPES
    }
}
