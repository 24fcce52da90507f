"""What plugins are made with, besides the interfaces; `rtcsignal.api` hands it on."""
