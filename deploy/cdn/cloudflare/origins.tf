locals {
  pools = merge(
    { main = var.origins },
    length(var.standby_origins) > 0 ? { standby = var.standby_origins } : {},
  )
}

# A process that stops or has no database says so at /readyz before it takes no more requests.
resource "cloudflare_load_balancer_monitor" "ready" {
  account_id     = var.account_id
  description    = "Carillon: /readyz"
  type           = "https"
  method         = "GET"
  path           = "/readyz"
  port           = 443
  expected_codes = "200"
  interval       = 60
  timeout        = 5
  retries        = 2
  header         = { Host = [var.hostname] }
}

resource "cloudflare_load_balancer_pool" "pool" {
  for_each        = local.pools
  account_id      = var.account_id
  name            = "carillon-${each.key}"
  monitor         = cloudflare_load_balancer_monitor.ready.id
  minimum_origins = 1
  origin_steering = { policy = "least_outstanding_requests" }

  origins = [
    for origin in each.value : {
      name    = origin.name
      address = origin.address
      weight  = origin.weight
      enabled = true
      header  = { host = [var.hostname] }
    }
  ]
}

resource "cloudflare_load_balancer" "carillon" {
  zone_id         = var.zone_id
  name            = var.hostname
  proxied         = true
  steering_policy = "off" # The pools in their order: the second only while the first is down.
  default_pools   = [for key in ["main", "standby"] : cloudflare_load_balancer_pool.pool[key].id if contains(keys(local.pools), key)]
  fallback_pool   = cloudflare_load_balancer_pool.pool["main"].id
  adaptive_routing = {
    failover_across_pools = true
  }
}
