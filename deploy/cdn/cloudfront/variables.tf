variable "hostname" {
  type        = string
  description = "Where Carillon is reached, as notify.example.com."

  validation {
    condition     = can(regex("^[a-z0-9.-]+$", var.hostname))
    error_message = "A host name in lower case, without scheme and path."
  }
}

variable "certificate_arn" {
  type        = string
  description = "A certificate for hostname in ACM, in us-east-1."
}

variable "origins" {
  type        = list(string)
  description = "Host names of load balancers before Carillon, with TLS: the first takes all, the second pages and assets while the first fails."

  validation {
    condition     = length(var.origins) == 2 && length(toset(var.origins)) == 2
    error_message = "Two different ones: an origin group has two members."
  }
}

variable "shield_region" {
  type        = string
  description = "The region of Origin Shield that is nearest to the origins, as eu-central-1."
}

variable "price_class" {
  type        = string
  default     = "PriceClass_All"
  description = "From where it is served: PriceClass_100, PriceClass_200 or PriceClass_All."
}
