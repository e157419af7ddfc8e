//! Requests that are carried out once: what they were answered, for whoever repeats them.

use domain::ids::TenantId;
use domain::time::{DAY_MS, SECOND_MS, Timestamp};
use serde::{Deserialize, Serialize};

use aws_sdk_dynamodb::types::AttributeValue;

use crate::error::StoreError;
use crate::keys;
use crate::table::{Table, Unless, pause};

/// For how long a repeated request gets the answer of the first.
const KEPT_MS: i64 = DAY_MS;

/// Longer than a function may take and than the gateway waits: whoever claimed a request this long ago is gone.
const CLAIMED_MS: i64 = 30 * SECOND_MS;

/// Items have at most 400 kB, and the rest of this one is small.
pub const MOST_KEPT_BYTES: usize = 350_000;

/// A request that its sender may repeat.
#[derive(Clone, Debug)]
pub struct Once {
    pub tenant: TenantId,
    /// Says who sends it, whereto, and under which key; hashed, so that it fits a key of the table.
    pub name: String,
    /// A hash of the body: the same name with another one is a mistake of the sender.
    pub fingerprint: String,
}

/// The right to carry a request out.
#[derive(Clone, Debug)]
pub struct Claim {
    once: Once,
    id: String,
    /// The id of the first claim of this request, which whoever takes it over inherits.
    first: String,
    expires: i64,
}

impl Claim {
    /// A minted id that is the same however often the request is carried out: what it creates is named by it.
    pub fn first(&self) -> &str {
        &self.first
    }
}

/// What a request was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAnswer {
    pub status: u16,
    pub body: String,
}

/// What is known of a request.
#[derive(Debug)]
pub enum Claimed {
    /// Nobody has carried it out, or whoever began is gone.
    Ours(Claim),
    Answered(KeptAnswer),
    InProgress,
    /// Its name was used for another body.
    OtherBody,
}

#[derive(Serialize, Deserialize)]
struct OnceItem {
    pk: String,
    sk: String,
    ttl: i64,
    fp: String,
    claim: String,
    first: String,
    /// When this name may be used anew, in ms.
    expires: i64,
    /// When the same request may be carried out by others: only while it is unanswered.
    #[serde(skip_serializing_if = "Option::is_none")]
    lapses: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<KeptAnswer>,
}

impl OnceItem {
    fn of(claim: &Claim, lapses: Option<i64>, answer: Option<KeptAnswer>) -> Self {
        let key = keys::once(&claim.once.tenant, &claim.once.name);
        Self {
            pk: key.pk,
            sk: key.sk,
            ttl: claim.expires / SECOND_MS + 1,
            fp: claim.once.fingerprint.clone(),
            claim: claim.id.clone(),
            first: claim.first.clone(),
            expires: claim.expires,
            lapses,
            answer,
        }
    }
}

impl Table {
    /// Claims a request under a new id, unless it is claimed or answered.
    pub async fn claim_once(&self, once: Once, id: String, now: Timestamp) -> Result<Claimed, StoreError> {
        let key = keys::once(&once.tenant, &once.name);
        let claim = Claim { once, first: id.clone(), id, expires: now.plus_ms(KEPT_MS).ms() };
        let at = (":now", AttributeValue::N(now.ms().to_string()));
        for attempt in 0.. {
            let free =
                Unless::Fails("attribute_not_exists(pk) OR expires <= :now", std::slice::from_ref(&at));
            if self.put_claim(&claim, now, free).await? {
                return Ok(Claimed::Ours(claim));
            }
            match self.get::<OnceItem>(&key).await? {
                Some(found) if found.fp != claim.once.fingerprint => return Ok(Claimed::OtherBody),
                // A claim whose answer is lost, of which nobody was told: this was our own put, sent twice.
                Some(found) if found.claim == claim.id => return Ok(Claimed::Ours(claim)),
                Some(OnceItem { answer: Some(answer), .. }) => return Ok(Claimed::Answered(answer)),
                Some(found) if found.lapses > Some(now.ms()) => return Ok(Claimed::InProgress),
                Some(found) => {
                    let claim = Claim { first: found.first, ..claim.clone() };
                    let theirs = [(":theirs", AttributeValue::S(found.claim))];
                    let lapsed = Unless::Fails("claim = :theirs AND attribute_not_exists(answer)", &theirs);
                    if self.put_claim(&claim, now, lapsed).await? {
                        return Ok(Claimed::Ours(claim));
                    }
                }
                None => {}
            }
            if pause(attempt).await.is_none() {
                break;
            }
        }
        Err(StoreError::Contended(key.pk))
    }

    async fn put_claim(&self, claim: &Claim, now: Timestamp, unless: Unless<'_>) -> Result<bool, StoreError> {
        self.put(&OnceItem::of(claim, Some(now.plus_ms(CLAIMED_MS).ms()), None), unless).await
    }

    /// Keeps the answer of a request; without one, the request may be carried out again at once.
    ///
    /// Changes nothing if others have taken the request over.
    pub async fn settle_once(&self, claim: &Claim, answer: Option<KeptAnswer>) -> Result<(), StoreError> {
        let lapses = answer.is_none().then_some(0);
        let settled = OnceItem::of(claim, lapses, answer);
        let ours = [(":claim", AttributeValue::S(claim.id.clone()))];
        for attempt in 0.. {
            // An answer that is not kept is one that a repetition may differ from.
            let put = self.put(&settled, Unless::Fails("claim = :claim", &ours)).await;
            let Err(error) = put else { break };
            if pause(attempt).await.is_none() {
                return Err(error);
            }
        }
        Ok(())
    }
}
