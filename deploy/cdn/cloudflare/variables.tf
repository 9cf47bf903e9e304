variable "account_id" {
  type        = string
  description = "The Cloudflare account."
}

variable "zone_id" {
  type        = string
  description = "The zone that hostname is in. Its cache, firewall and compression rules are the ones made here."
}

variable "hostname" {
  type        = string
  description = "Where Carillon is reached, as notify.example.com."

  validation {
    condition     = can(regex("^[a-z0-9.-]+$", var.hostname))
    error_message = "A host name in lower case, without scheme and path."
  }
}

variable "origins" {
  type = list(object({
    name    = string
    address = string
    weight  = optional(number, 1)
  }))
  description = "The machines that run Carillon, each behind TLS with a certificate for hostname."

  validation {
    condition     = length(var.origins) > 0
    error_message = "At least one."
  }
}

variable "standby_origins" {
  type = list(object({
    name    = string
    address = string
    weight  = optional(number, 1)
  }))
  default     = []
  description = "Machines that are asked only while none of origins is ready: another data centre on the same database."
}
