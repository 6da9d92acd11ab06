from .module import Rate as Rate, RateEulerJax as RateEulerJax, RateJax as RateJax
