//! The catalogue of permissions, and who holds which.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::TenantId;
use crate::party::Party;

macro_rules! catalogue {
    ($($name:ident = $code:literal,)+) => {
        /// What a principal may do. To add one, add its line to the catalogue.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission { $($name,)+ }

        impl Permission {
            pub const ALL: &[Permission] = &[$(Permission::$name,)+];

            pub const fn code(self) -> &'static str {
                match self { $(Permission::$name => $code,)+ }
            }
        }

        /// The permissions as types, for the signatures of handlers.
        pub mod may {
            $(
                #[doc = concat!("`", $code, "`")]
                #[derive(Clone, Copy, Debug)]
                pub struct $name;
                impl super::Required for $name {
                    const PERMISSION: super::Permission = super::Permission::$name;
                }
            )+
        }
    };
}

/// A permission as a type.
pub trait Required: Send + Sync + 'static {
    const PERMISSION: Permission;
}

catalogue! {
    AnalyticsAgentsView = "analytics.agents.view",
    AnalyticsAgentsEdit = "analytics.agents.edit",
    AnalyticsVendorsView = "analytics.vendors.view",
    AnalyticsVendorsEdit = "analytics.vendors.edit",
    AnalyticsIntentsView = "analytics.intents.view",
    AnalyticsIntentsEdit = "analytics.intents.edit",
    AnalyticsJourneyView = "analytics.journey.view",
    AnalyticsJourneyEdit = "analytics.journey.edit",
    AnalyticsFunnelView = "analytics.funnel.view",
    AnalyticsContentView = "analytics.content.view",
    AnalyticsChannelsView = "analytics.channels.view",
    AnalyticsVelocityView = "analytics.velocity.view",
    MmmView = "mmm.view",
    MmmRun = "mmm.run",
    AbmView = "abm.view",
    AbmEdit = "abm.edit",
    LeadsView = "leads.view",
    LeadsScore = "leads.score",
    CohortsView = "cohorts.view",
    CohortsCompute = "cohorts.compute",
    RealtimeView = "realtime.view",
    AlertsView = "alerts.view",
    AlertsAcknowledge = "alerts.acknowledge",
    AlertsManage = "alerts.manage",
    FraudView = "fraud.view",
    FraudManage = "fraud.manage",
    QualityView = "quality.view",
    BehaviorView = "behavior.view",
    IntegrationsView = "integrations.view",
    IntegrationsCreate = "integrations.create",
    IntegrationsEdit = "integrations.edit",
    IntegrationsDelete = "integrations.delete",
    IntegrationsSync = "integrations.sync",
    ExperimentsView = "experiments.view",
    ExperimentsCreate = "experiments.create",
    ExperimentsEdit = "experiments.edit",
    ExperimentsDelete = "experiments.delete",
    FlagsView = "flags.view",
    FlagsCreate = "flags.create",
    FlagsEdit = "flags.edit",
    FlagsDelete = "flags.delete",
    UsecasesView = "usecases.view",
    UsecasesCreate = "usecases.create",
    UsecasesDelete = "usecases.delete",
    VendorsView = "vendors.view",
    VendorsEdit = "vendors.edit",
    WebhooksView = "webhooks.view",
    WebhooksManage = "webhooks.manage",
    ApikeysView = "apikeys.view",
    ApikeysManage = "apikeys.manage",
    TenantsView = "tenants.view",
    TenantsSettings = "tenants.settings",
    AuditView = "audit.view",
    UsersView = "users.view",
    UsersCreate = "users.create",
    UsersEdit = "users.edit",
    UsersDelete = "users.delete",
    RolesView = "roles.view",
    RolesCreate = "roles.create",
    RolesEdit = "roles.edit",
    RolesDelete = "roles.delete",
    TeamsView = "teams.view",
    TeamsCreate = "teams.create",
    TeamsEdit = "teams.edit",
    TeamsDelete = "teams.delete",
    InteractionsView = "interactions.view",
    InteractionsIngest = "interactions.ingest",
    ConversionsView = "conversions.view",
    ConversionsIngest = "conversions.ingest",
    EventsIngest = "events.ingest",
    TouchpointsView = "touchpoints.view",
    TouchpointsEdit = "touchpoints.edit",
    TouchpointsDelete = "touchpoints.delete",
    AttributionView = "attribution.view",
    AttributionRun = "attribution.run",
    AttributionConfigure = "attribution.configure",
    DisputesView = "disputes.view",
    DisputesCreate = "disputes.create",
    DisputesResolve = "disputes.resolve",
    CallsView = "calls.view",
    RecordingsListen = "recordings.listen",
    RequestsView = "requests.view",
    RequestsReview = "requests.review",
    CustomersView = "customers.view",
    CustomersMerge = "customers.merge",
    CustomersErase = "customers.erase",
    DataExport = "data.export",
    DataImport = "data.import",
    SpendView = "spend.view",
    SpendEdit = "spend.edit",
    ReportsView = "reports.view",
    ReportsCreate = "reports.create",
    ReportsEdit = "reports.edit",
    ReportsDelete = "reports.delete",
    ReportsSchedule = "reports.schedule",
    ReportsShare = "reports.share",
}

impl Permission {
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.code() == code)
    }
}

/// A set of permissions, stored as their codes so that the order of the catalogue may change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u128);

impl Permissions {
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    pub fn allow(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u32) != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.allow(*permission))
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |set, permission| set | 1 << permission as u32))
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if *self == Self::all() {
            serializer.collect_seq(["*"])
        } else {
            serializer.collect_seq(self.iter().map(Permission::code))
        }
    }
}

/// A code that the catalogue no longer has grants nothing.
impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let codes = Vec::<String>::deserialize(deserializer)?;
        if codes.iter().any(|code| code == "*") {
            return Ok(Self::all());
        }
        Ok(codes.iter().filter_map(|code| Permission::parse(code)).collect())
    }
}

/// How a principal proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    ApiKey { key_id: String },
    User { user_id: String },
}

impl Credential {
    /// What it is recorded by, where something says who did it.
    pub fn id(&self) -> &str {
        match self {
            Credential::ApiKey { key_id } => key_id,
            Credential::User { user_id } => user_id,
        }
    }
}

/// Who calls: for which tenant, and what it may do there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub tenant: TenantId,
    pub credential: Credential,
    pub permissions: Permissions,
    /// The partner or broker that it is bound to.
    pub party: Option<Party>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_fits_the_set_and_its_codes_are_distinct() {
        assert!(Permission::ALL.len() <= 128);
        for permission in Permission::ALL {
            assert_eq!(Permission::parse(permission.code()), Some(*permission));
            let only: Permissions = [*permission].into_iter().collect();
            assert_eq!(only.iter().collect::<Vec<_>>(), [*permission]);
        }
        assert_eq!(Permissions::all().iter().count(), Permission::ALL.len());
        assert!(!Permissions::default().allow(Permission::UsersView));
    }

    #[test]
    fn a_set_is_stored_by_code_and_unknown_codes_grant_nothing() {
        let set: Permissions = [Permission::UsersView, Permission::DataImport].into_iter().collect();
        let json = serde_json::to_string(&set).unwrap();
        assert_eq!(json, r#"["users.view","data.import"]"#);
        assert_eq!(serde_json::from_str::<Permissions>(&json).unwrap(), set);
        let some: Permissions = serde_json::from_str(r#"["users.view","retired.code"]"#).unwrap();
        assert_eq!(some.iter().collect::<Vec<_>>(), [Permission::UsersView]);
    }
}
