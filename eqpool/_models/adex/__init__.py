from .module import AdExLIF as AdExLIF
