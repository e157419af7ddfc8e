//! Facts by the ids that stand in paths.

use domain::ids::{ExternalId, FactId, FactKind, TenantId};
use domain::source::Source;
use store::{StoredInteraction, Tenant};

use crate::caller::Access;
use crate::error::ApiError;

/// An id as it stands in a path or a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    Ours(FactId),
    /// `ext:ID`, or `ext:SOURCE:ID`.
    External(Option<Source>, ExternalId),
}

impl Named {
    /// None for what cannot be the id of any fact of this kind.
    pub fn parse(kind: FactKind, text: &str) -> Option<Self> {
        let Some(external) = text.strip_prefix("ext:") else {
            return FactId::parse(text).filter(|id| id.kind() == kind).map(Named::Ours);
        };
        let sourced = external.split_once(':').and_then(|(source, id)| Some((Source::parse(source)?, id)));
        let (source, id) = match sourced.filter(|_| kind == FactKind::Interaction) {
            Some((source, id)) => (Some(source), id),
            None => (None, external),
        };
        ExternalId::parse(id).ok().map(|id| Named::External(source, id))
    }

    /// Every interaction that may be meant: at most one a source.
    pub fn interactions(self, tenant: &TenantId) -> Vec<FactId> {
        match self {
            Named::Ours(id) => vec![id],
            Named::External(source, id) => {
                let sources =
                    Source::ALL.into_iter().filter(|known| source.is_none_or(|wanted| wanted == *known));
                sources.map(|source| FactId::interaction(tenant, source, &id)).collect()
            }
        }
    }
}

impl Access {
    /// The interaction that a path names.
    pub async fn interaction(&self, tenant: &Tenant, id: &str) -> Result<StoredInteraction, ApiError> {
        let missing = || ApiError::NotFound("interaction");
        let ids = Named::parse(FactKind::Interaction, id).ok_or_else(missing)?.interactions(&tenant.id);
        let mut found = self.table.interactions(tenant, &ids, self.clock.now()).await?;
        if found.len() > 1 { Err(ApiError::AmbiguousId) } else { found.pop().ok_or_else(missing) }
    }
}
