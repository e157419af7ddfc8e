//! Partners and brokers that are known by name.

use domain::party::{Party, PartyKind};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys;
use crate::table::{Range, Table, Unless};
use crate::tenants::Tenant;

/// A partner or broker as the tenant knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownParty {
    #[serde(flatten)]
    pub party: Party,
    pub name: String,
}

#[derive(Serialize, Deserialize)]
struct PartyItem {
    pk: String,
    sk: String,
    #[serde(flatten)]
    known: KnownParty,
}

impl Table {
    pub async fn put_party(&self, tenant: &Tenant, known: &KnownParty) -> Result<(), StoreError> {
        let key = keys::known_party(&tenant.id, &known.party);
        self.put(&PartyItem { pk: key.pk, sk: key.sk, known: known.clone() }, Unless::Never).await?;
        Ok(())
    }

    /// All of a kind, by their ids.
    pub async fn parties(&self, tenant: &Tenant, kind: PartyKind) -> Result<Vec<KnownParty>, StoreError> {
        let prefix = keys::of_kind(kind);
        let items: Vec<PartyItem> =
            self.query_all(&Range::beginning(keys::known_parties(&tenant.id), &prefix)).await?;
        Ok(items.into_iter().map(|item| item.known).collect())
    }
}
